package core

import (
	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// numberedStreams and numberedBytes bound the table of a publisher. Rather than
// forget single streams, which receivers would take for a loss, a full table is
// emptied and a new incarnation drawn: then every stream begins anew, and nobody
// concludes anything.
const (
	numberedStreams = 100_000
	numberedBytes   = 32 << 20 // of topics and origins
)

// numbering counts the envelopes of each stream, for the sequence trailer: those of
// one topic and one origin, as receivers tell streams apart. Only the pump uses it.
type numbering struct {
	draw        func() uint32
	incarnation uint16
	next        map[string]*uint32
	bytes       int // length of all keys of next
	recent      recent
}

func (n *numbering) begin(draw func() uint32) {
	n.draw = draw
	n.renew()
}

func (n *numbering) renew() {
	n.incarnation += 1 + uint16(n.draw()%0xffff) // another one than before
	n.next, n.bytes, n.recent = map[string]*uint32{}, 0, recent{}
}

// number fills in the trailers of a batch.
func (n *numbering) number(b *batch.Batch) {
	for i := range b.Len() {
		c := n.counter(stream(b.Message(i)))
		wire.Number(b, i, wire.Sequence{Incarnation: n.incarnation, Number: *c})
		*c++
	}
}

// stream is the first two frames of a message, topic and origin, and the topic.
func stream(msg []byte) (key, topic []byte) {
	if end, ok := batch.ShortEnd(msg, 0); ok {
		if both, ok := batch.ShortEnd(msg, end); ok {
			return msg[:both], msg[batch.ShortHeader:end]
		}
	}
	topic, rest, _, _ := batch.NextFrame(msg)
	_, rest, _, _ = batch.NextFrame(rest)
	return msg[:len(msg)-len(rest)], topic
}

func (n *numbering) counter(key, topic []byte) *uint32 {
	r := &n.recent[wire.StreamSlot(topic)]
	if string(r.key) == string(key) {
		return r.last
	}
	c := n.next[string(key)]
	if c == nil {
		if len(n.next) >= numberedStreams || n.bytes+len(key) > numberedBytes {
			n.renew()
		}
		n.bytes += len(key)
		c = new(uint32)
		n.next[string(key)] = c
	}
	r.key, r.last = append(r.key[:0], key...), c
	return c
}
