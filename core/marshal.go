package core

import (
	"slices"
	"sync"

	"github.com/hermes-zmq/hermes/internal/marshal"
	"github.com/hermes-zmq/hermes/internal/sendqueue"
)

// rows is room for an envelope that is read.
var rows = sync.Pool{New: func() any { return new([]byte) }}

// roomKept is the most that is kept of such room.
const roomKept = 64 << 10

// TryPublishMarshal queues envelopes, given as what Python's marshal.dumps(rows, 2) writes of
// a list of tuples (topic, origin, data). It never waits, and tells how many were
// queued before the first one that was not; the error says why, as with TryPublish. What the
// format cannot carry is EJSON.
func (p *Publisher) TryPublishMarshal(values []byte) (int, error) {
	room := rows.Get().(*[]byte)
	defer func() {
		if cap(*room) <= roomKept {
			rows.Put(room)
		}
	}()
	r := marshal.NewReader(values)
	n, ok := r.Rows()
	if !ok || n == 0 {
		return 0, errorf(EJSON, "the values are not those of a list of envelopes")
	}
	for i := range n {
		if err := p.tryRow(&r, room, i == n-1); err != nil {
			return i, err
		}
	}
	return n, nil
}

// tryRow queues the next row. Behind the last one nothing may come: then the bytes are
// not what marshal wrote, and it is not known what they mean.
func (p *Publisher) tryRow(r *marshal.Reader, room *[]byte, last bool) error {
	row, grown, ok := r.Row(*room)
	*room = grown
	if !ok {
		return errorf(EJSON, "the values of the envelope are not of the common kind")
	}
	if last && !r.Done() {
		return errorf(EJSON, "there are bytes behind the values of the last envelope")
	}
	if err := p.checkSize(len(row.Topic) + len(row.Origin) + len(row.Data)); err != nil {
		return err
	}
	full, err := put(p, row.Topic, row.Origin, row.Data, sendqueue.Form{Encoded: true})
	if full != nil {
		return errorf(ETIMEOUT, "the queue of %s is full for now", p.who())
	}
	return err
}

// MarshalMost is more than AppendMarshal appends: what grows most are integers, of which
// two bytes, with the comma, become five.
func (d *Delivery) MarshalMost() int {
	const head, each = 64, 64
	return 3*d.JSONSize() + each*d.n + head
}

// AppendMarshal appends all envelopes for Python's marshal.loads: lists of the topics,
// the origins, the data and the times; one of pairs (index, JSON text of [topic,
// origin, data, ts]) for envelopes that only Python's json can read, of which the other
// lists have None; and one of pairs (index, number of those that are missing before it).
func (d *Delivery) AppendMarshal(dst []byte) []byte {
	var odd []int
	dst = marshal.AppendTuple(dst, 6)
	for _, part := range []func(*item) extent{
		func(it *item) extent { return it.topic },
		func(it *item) extent { return it.origin },
		func(it *item) extent { return it.data },
		func(it *item) extent { return it.ts },
	} {
		dst = marshal.AppendList(dst, d.n)
		for i := range d.n {
			it, buf := d.item(i)
			var ok bool
			if dst, ok = marshal.AppendJSON(dst, part(it).of(buf)); !ok {
				dst = marshal.AppendNone(dst)
				odd = append(odd, i)
			}
		}
	}
	return d.appendLost(d.appendOdd(dst, odd))
}

// appendOdd appends the envelopes that are given as JSON.
func (d *Delivery) appendOdd(dst []byte, odd []int) []byte {
	slices.Sort(odd)
	odd = slices.Compact(odd)
	dst = marshal.AppendList(dst, len(odd))
	for _, i := range odd {
		it, buf := d.item(i)
		dst = marshal.AppendInt(marshal.AppendTuple(dst, 2), i)
		dst = marshal.AppendBytes(dst, rowOf(it, buf))
	}
	return dst
}

// appendLost appends what went missing.
func (d *Delivery) appendLost(dst []byte) []byte {
	at, n := len(dst), 0
	dst = marshal.AppendList(dst, 0)
	for i := range d.n {
		if it, _ := d.item(i); it.lost > 0 {
			dst = marshal.AppendInt(marshal.AppendTuple(dst, 2), i)
			dst = marshal.AppendInt(dst, int(it.lost))
			n++
		}
	}
	marshal.AppendList(dst[:at], n)
	return dst
}

// rowOf is an envelope as JSON, as AppendJSON gives it.
func rowOf(it *item, buf []byte) []byte {
	row := append([]byte{'['}, it.topic.of(buf)...)
	for _, part := range [...]extent{it.origin, it.data, it.ts} {
		row = append(append(row, ','), part.of(buf)...)
	}
	return append(row, ']')
}
