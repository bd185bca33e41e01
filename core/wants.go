package core

import (
	"sync"

	"github.com/hermes-zmq/hermes/core/internal/carrier"
)

// wants carries what a post office's subscribers want over to its publishers' side.
// Subscribers may come before that side is open.
type wants struct {
	mu       sync.Mutex
	inlet    carrier.Inlet
	over     bool
	prefixes map[string]struct{}
}

// note takes in an event of the outgoing side.
func (w *wants) note(e carrier.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		return
	}
	switch e.Kind {
	case carrier.Wanted:
		if w.prefixes == nil {
			w.prefixes = map[string]struct{}{}
		}
		w.prefixes[string(e.Prefix)] = struct{}{}
		if w.inlet != nil {
			_ = w.inlet.Subscribe(e.Prefix) // fails only when closed
		}
	case carrier.Unwanted:
		delete(w.prefixes, string(e.Prefix))
		if w.inlet != nil {
			_ = w.inlet.Unsubscribe(e.Prefix)
		}
	}
}

func (w *wants) attach(in carrier.Inlet) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inlet = in
	for p := range w.prefixes {
		_ = in.Subscribe([]byte(p))
	}
}

// withdraw takes everything back, for good.
func (w *wants) withdraw() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	for p := range w.prefixes {
		_ = w.inlet.Unsubscribe([]byte(p))
	}
}
