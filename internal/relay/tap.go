package relay

import (
	"sync/atomic"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/flow"
)

// Tap sees what a post office relays, over all its runs: one batch after the other, before it is
// sent. Without a function it costs a load of a pointer for each batch.
type Tap struct {
	see atomic.Pointer[func(peer uint64, b *batch.Batch)]
}

// Set sets the function that sees each batch; nil: none. It is called on the goroutines of the
// publishers' connections, several at once, and holds them up: it must not wait, nor keep b. peer is
// the number of the publisher's connection, 0 for what comes from other post offices over a Link.
func (t *Tap) Set(see func(peer uint64, b *batch.Batch)) {
	if see == nil {
		t.see.Store(nil)
		return
	}
	t.see.Store(&see)
}

func (t *Tap) pass(s *flow.Source, b *batch.Batch) {
	if t == nil {
		return
	}
	if see := t.see.Load(); see != nil {
		(*see)(s.Peer, b)
	}
}
