package core

import (
	"strconv"
	"sync"
)

// Delivery is what one Take has taken: envelopes in order, as views of the buffers
// that they arrived in. It must be released, after which the views are void. Unlike
// everything else here it is for one goroutine at a time.
type Delivery struct {
	spans     []span
	n         int
	size      int64 // of all items
	tellsLost bool  // in JSON
	at        int   // span of the last lookup, and the index of its first envelope
	first     int
}

// span is consecutive envelopes of one segment.
type span struct {
	segment *segment
	items   []item
	buf     []byte
}

// View is one envelope of a Delivery; its texts are borrowed from it.
type View struct {
	Topic, Origin []byte // decoded, UTF-8
	Data          []byte // one JSON value
	TS, Received  float64
	Lost          uint32

	// Run is all three texts in one piece, for who wants to copy them at once: the topic,
	// so many bytes from its beginning the others, and a byte or some behind topic and
	// origin that mean nothing. It is nil where they do not lie close to each other.
	Run              []byte
	OriginAt, DataAt int
}

var deliveries = sync.Pool{New: func() any { return new(Delivery) }}

func newDelivery() *Delivery { return deliveries.Get().(*Delivery) }

// add takes n envelopes of a segment, from the given one on, which have a size.
func (d *Delivery) add(g *segment, from, n int, size int64) {
	g.refs.Add(1)
	d.size += size
	d.spans = append(d.spans, span{g, g.items[from : from+n : from+n], g.buf})
	d.n += n
}

// Release gives the buffers back.
func (d *Delivery) Release() {
	for i := range d.spans {
		d.spans[i].segment.release()
		d.spans[i] = span{}
	}
	*d = Delivery{spans: d.spans[:0]}
	deliveries.Put(d)
}

// Len is the number of envelopes.
func (d *Delivery) Len() int { return d.n }

// item finds envelope i; looking one after the other is cheap.
func (d *Delivery) item(i int) (*item, []byte) {
	if i < d.first {
		d.at, d.first = 0, 0
	}
	for i-d.first >= len(d.spans[d.at].items) {
		d.first += len(d.spans[d.at].items)
		d.at++
	}
	s := &d.spans[d.at]
	return &s.items[i-d.first], s.buf
}

// At gives envelope i, from 0 on.
func (d *Delivery) At(i int) (v View) {
	d.Look(i, &v)
	return v
}

// Look is At without copying the view.
func (d *Delivery) Look(i int, v *View) {
	it, buf := d.item(i)
	v.TS, v.Received, v.Lost = it.time, it.received, it.lost
	v.Run, v.OriginAt, v.DataAt = it.run(buf)
	if run := v.Run; run != nil {
		topic, origin := int(it.topic.len)-len(`""`), v.OriginAt+int(it.origin.len)-len(`""`)
		v.Topic, v.Origin, v.Data = run[:topic:topic], run[v.OriginAt:origin:origin], run[v.DataAt:]
		return
	}
	v.Topic, v.Origin = it.texts(buf)
	v.Data = it.data.of(buf)
}

// Envelope gives a copy of envelope i that outlives the delivery.
func (d *Delivery) Envelope(i int) Envelope {
	v := d.At(i)
	return Envelope{Topic: string(v.Topic), Origin: string(v.Origin), Data: append([]byte(nil), v.Data...),
		TS: v.TS, Received: v.Received, Lost: v.Lost}
}

// JSONSize is the number of bytes that AppendJSON appends.
func (d *Delivery) JSONSize() int {
	const around = len(`[,,,],`)
	n := len(`[]`) + int(d.size) + d.n*around
	for i := 0; d.tellsLost && i < d.n; i++ {
		if it, _ := d.item(i); it.lost > 0 {
			n += len(`,`) + len(strconv.FormatUint(uint64(it.lost), 10))
		}
	}
	if d.n > 0 {
		n-- // no comma behind the last
	}
	return n
}

// AppendJSON appends all envelopes as one JSON array of [topic, origin, data, ts],
// each text as it was on the wire. With the receiver's option "json.lost" those that
// others are missing before have the number of these as a fifth element.
func (d *Delivery) AppendJSON(dst []byte) []byte {
	dst = append(dst, '[')
	for i := range d.n {
		if i > 0 {
			dst = append(dst, ',')
		}
		it, buf := d.item(i)
		dst = append(append(dst, '['), it.topic.of(buf)...)
		dst = append(append(dst, ','), it.origin.of(buf)...)
		dst = append(append(dst, ','), it.data.of(buf)...)
		dst = append(append(dst, ','), it.ts.of(buf)...)
		if d.tellsLost && it.lost > 0 {
			dst = strconv.AppendUint(append(dst, ','), uint64(it.lost), 10)
		}
		dst = append(dst, ']')
	}
	return append(dst, ']')
}
