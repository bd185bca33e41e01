package core

import (
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// item is one envelope: where its texts lie in a buffer.
type item struct {
	topic, origin, data, ts extent
	time, received          float64
	lost                    uint32
	plain                   bool // topic and origin are text as they stand, between their quotation marks
}

// extent is a range of a buffer. Batches are far smaller than 4 GiB.
type extent struct{ off, len uint32 }

func (p extent) of(buf []byte) []byte { return buf[p.off : p.off+p.len : p.off+p.len] }

// size is what an envelope counts for in the inbox.
func (it *item) size() int64 {
	return int64(it.topic.len) + int64(it.origin.len) + int64(it.data.len) + int64(it.ts.len)
}

// stage collects the envelopes of one batch that are let in.
type stage struct {
	items    []item
	size     int64 // of all items
	counters receiverCounters
	lag      lag
}

func (s *stage) reset() {
	const keep = 1 << 16
	if cap(s.items) > keep {
		s.items = nil
	}
	s.items = s.items[:0]
	s.size, s.counters, s.lag = 0, receiverCounters{}, lag{}
}

// add makes room for one more item, which is to be filled in.
func (s *stage) add() *item {
	n := len(s.items)
	s.items = slices.Grow(s.items, 1)[:n+1]
	return &s.items[n]
}

// drop takes the last item away.
func (s *stage) drop() { s.items = s.items[:len(s.items)-1] }

// set makes it an envelope given as views of buf. It is filled in part by part where it is
// to stay: a processor stumbles over what is written in small pieces, and then copied.
func (it *item) set(buf []byte, p *wire.Parts, received float64) {
	it.topic.set(buf, p.Topic)
	it.origin.set(buf, p.Origin)
	it.data.set(buf, p.Data)
	it.ts.set(buf, p.Number)
	it.time, it.received, it.lost, it.plain = p.TS, received, 0, p.Plain
	if p.TS == 0 { // it does not say when
		it.time = received
	}
}

// texts gives topic and origin decoded; as a rule there is nothing to decode.
func (it *item) texts(buf []byte) (topic, origin []byte) {
	topic, origin = it.topic.of(buf), it.origin.of(buf)
	if it.plain {
		return topic[1 : len(topic)-1], origin[1 : len(origin)-1]
	}
	return wire.Text(topic, nil), wire.Text(origin, nil)
}

// run gives all three texts in one piece, as View.Run describes it, where no more than
// the header of a short frame lies between them, and so in less room than they take in JSON.
func (it *item) run(buf []byte) (run []byte, origin, data int) {
	first := it.origin.off - it.topic.off - it.topic.len
	second := it.data.off - it.origin.off - it.origin.len
	if !it.plain || first > batch.ShortHeader || second > batch.ShortHeader {
		return nil, 0, 0
	}
	begin := it.topic.off + 1
	return buf[begin : it.data.off+it.data.len], int(it.origin.off + 1 - begin), int(it.data.off - begin)
}

// sizeOf is what envelopes count for in the inbox together.
func sizeOf(items []item) (size int64) {
	for i := range items {
		size += items[i].size()
	}
	return size
}

// unframed is what lies around the texts of an envelope, as a rule: headers and a trailer.
const unframed = 4*2 + wire.TrailerSize

// set finds out where in buf a view of it lies.
func (p *extent) set(buf, view []byte) {
	off := uintptr(unsafe.Pointer(unsafe.SliceData(view))) - uintptr(unsafe.Pointer(unsafe.SliceData(buf)))
	p.off, p.len = uint32(off), uint32(len(view))
}

// segment is a run of envelopes in the inbox, with the buffer they lie in. It is
// shared by the inbox and by deliveries; the last one to release it recycles it.
type segment struct {
	buf   []byte
	src   *batch.Batch // whose buffer it is, where it was not copied
	items []item
	next  int // the first item not taken yet; the inbox's
	refs  atomic.Int32
}

const segmentBytes = 64 << 10

var segments = sync.Pool{New: func() any { return new(segment) }}

func newSegment() *segment {
	g := segments.Get().(*segment)
	g.refs.Store(1)
	return g
}

// cost is how much memory the segment takes.
func (g *segment) cost() int64 {
	n := int64(cap(g.items)) * int64(unsafe.Sizeof(item{}))
	if g.src != nil {
		return n + g.src.Footprint()
	}
	return n + int64(cap(g.buf))
}

func (g *segment) full() bool { return g.src != nil || len(g.buf) >= segmentBytes }

// copyIn appends a copy of an envelope whose texts lie in from.
func (g *segment) copyIn(from []byte, it item) {
	it.moveTo(&g.buf, from)
	g.items = append(g.items, it)
}

// moveTo appends the texts of an envelope, which lie in from, to another buffer.
func (it *item) moveTo(buf *[]byte, from []byte) {
	for _, p := range [...]*extent{&it.topic, &it.origin, &it.data, &it.ts} {
		off := uint32(len(*buf))
		*buf = append(*buf, p.of(from)...)
		p.off = off
	}
}

func (g *segment) release() {
	if g.refs.Add(-1) != 0 {
		return
	}
	if g.src != nil {
		g.src.Release()
		g.src, g.buf = nil, nil
	}
	if cap(g.buf) > 4*segmentBytes {
		g.buf = nil
	}
	g.buf, g.items, g.next = g.buf[:0], g.items[:0], 0
	segments.Put(g)
}
