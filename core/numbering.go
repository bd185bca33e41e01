package core

import (
	"github.com/hermes-zmq/hermes/core/internal/batch"
	"github.com/hermes-zmq/hermes/core/internal/wire"
)

// numberedTopics bounds the table of a publisher. Rather than forget single topics,
// which receivers would take for a loss, a full table is emptied and a new
// incarnation drawn: then every stream begins anew, and nobody concludes anything.
const numberedTopics = 100_000

// numbering counts the envelopes of each topic, for the sequence trailer. Only the
// pump uses it.
type numbering struct {
	draw        func() uint32
	incarnation uint16
	next        map[string]*uint32

	lastTopic []byte // the topic of the last envelope, which the next one often shares
	last      *uint32
}

func (n *numbering) begin(draw func() uint32) {
	n.draw = draw
	n.renew()
}

func (n *numbering) renew() {
	n.incarnation = uint16(n.draw())
	n.next = map[string]*uint32{}
	n.last, n.lastTopic = nil, n.lastTopic[:0]
}

// number fills in the trailers of a batch.
func (n *numbering) number(b *batch.Batch) {
	for i := range b.Len() {
		c := n.counter(batch.Topic(b.Message(i)))
		wire.Number(b, i, wire.Sequence{Incarnation: n.incarnation, Number: *c})
		*c++
	}
}

func (n *numbering) counter(topic []byte) *uint32 {
	if n.last != nil && string(n.lastTopic) == string(topic) {
		return n.last
	}
	c := n.next[string(topic)]
	if c == nil {
		if len(n.next) >= numberedTopics {
			n.renew()
		}
		c = new(uint32)
		n.next[string(topic)] = c
	}
	n.last, n.lastTopic = c, append(n.lastTopic[:0], topic...)
	return c
}
