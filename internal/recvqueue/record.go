package recvqueue

import (
	"slices"
	"unsafe"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// Record is one received envelope: where its texts lie in a buffer, and what was found out
// about it on arrival. The buffer is that of the chunk or batch that it belongs to.
type Record struct {
	Topic, Origin, Data, Number Extent  // as on the wire, JSON values; Number is the time of sending, behind the trace context if there is one
	Time, Received              float64 // seconds since the Unix epoch; Time is by the sender's clock
	Lost                        uint32  // how many envelopes of its stream are missing before it
	plain                       bool    // topic and origin are text as they stand, between their quotation marks
}

// Extent is a range of a buffer. Batches are far smaller than 4 GiB.
type Extent struct{ off, len uint32 }

// Of gives the bytes of an extent of buf.
func (e Extent) Of(buf []byte) []byte { return buf[e.off : e.off+e.len : e.off+e.len] }

// set makes it the range of buf in which a view of buf lies.
func (e *Extent) set(buf, view []byte) {
	off := uintptr(unsafe.Pointer(unsafe.SliceData(view))) - uintptr(unsafe.Pointer(unsafe.SliceData(buf)))
	e.off, e.len = uint32(off), uint32(len(view))
}

// Size is what an envelope counts for in the bounds of the queue, in bytes.
func (r *Record) Size() int64 {
	return int64(r.Topic.len) + int64(r.Origin.len) + int64(r.Data.len) + int64(r.Number.len)
}

// HasTraceParent reports whether a trace context stands in front of its time.
func (r *Record) HasTraceParent(buf []byte) bool {
	return r.Number.len > wire.ContextSize && wire.HasTraceParent(r.Number.Of(buf))
}

// sizeOf is what envelopes count for together.
func sizeOf(records []Record) (size int64) {
	for i := range records {
		size += records[i].Size()
	}
	return size
}

// Set makes it an envelope given as views of buf, received at a time. It is filled in part
// by part in its final place: a processor stalls on what is written in small pieces and then
// copied at once.
func (r *Record) Set(buf []byte, p *wire.Parts, received float64) {
	r.Topic.set(buf, p.Topic)
	r.Origin.set(buf, p.Origin)
	r.Data.set(buf, p.Data)
	r.Number.set(buf, p.Number)
	r.Time, r.Received, r.Lost, r.plain = p.TS, received, 0, p.Plain
	if p.TS == 0 { // the sender does not say when
		r.Time = received
	}
}

// Begin is where its texts begin in their buffer.
func (r *Record) Begin() int { return int(r.Topic.off) }

// Shift makes it lie n bytes further in its buffer.
func (r *Record) Shift(n int) {
	for _, e := range [...]*Extent{&r.Topic, &r.Origin, &r.Data, &r.Number} {
		e.off += uint32(n)
	}
}

// MoveTo appends the texts of an envelope, which lie in from, to another buffer, and makes
// it lie there.
func (r *Record) MoveTo(buf *[]byte, from []byte) {
	for _, e := range [...]*Extent{&r.Topic, &r.Origin, &r.Data, &r.Number} {
		off := uint32(len(*buf))
		*buf = append(*buf, e.Of(from)...)
		e.off = off
	}
}

// texts gives topic and origin decoded; as a rule there is nothing to decode.
func (r *Record) texts(buf []byte) (topic, origin []byte) {
	topic, origin = r.Topic.Of(buf), r.Origin.Of(buf)
	if r.plain {
		return topic[1 : len(topic)-1], origin[1 : len(origin)-1]
	}
	return wire.Text(topic, nil), wire.Text(origin, nil)
}

// run gives all three texts in one piece, as View.Run describes it, where no more than
// the header of a short frame lies between them, and so in less room than they take in JSON.
func (r *Record) run(buf []byte) (run []byte, origin, data int) {
	first := r.Origin.off - r.Topic.off - r.Topic.len
	second := r.Data.off - r.Origin.off - r.Origin.len
	if !r.plain || first > batch.ShortHeader || second > batch.ShortHeader {
		return nil, 0, 0
	}
	begin := r.Topic.off + 1
	return buf[begin : r.Data.off+r.Data.len], int(r.Origin.off + 1 - begin), int(r.Data.off - begin)
}

// Staged is what admission lets in of one batch, and how it accounts for all messages of the
// batch. It is reused from batch to batch.
type Staged struct {
	Records  []Record
	Size     int64 // of all records
	Counters Counters
	Lag      Lag
}

// Reset empties it.
func (s *Staged) Reset() {
	const keep = 1 << 16
	if cap(s.Records) > keep {
		s.Records = nil
	}
	s.Records = s.Records[:0]
	s.Size, s.Counters, s.Lag = 0, Counters{}, Lag{}
}

// Add makes room for one more record, which the caller fills in. The caller adds its size
// once the record is sure to stay.
func (s *Staged) Add() *Record {
	n := len(s.Records)
	s.Records = slices.Grow(s.Records, 1)[:n+1]
	return &s.Records[n]
}

// DropLast takes the last record away, whose size was not added yet.
func (s *Staged) DropLast() { s.Records = s.Records[:len(s.Records)-1] }
