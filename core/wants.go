package core

import (
	"sync"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

// askedPrefixes and askedBytes bound what a post office asks of its publishers one by
// one. A peer may limit what it lets a subscriber ask for, and the wants of all
// receivers together may be far more than each of them may have. Beyond this the post
// office asks for everything, and picks out by itself what its receivers want.
const (
	askedPrefixes = 100_000
	askedBytes    = 8 << 20
)

// wants carries what a post office's subscribers want over to its publishers' side.
// Subscribers may come before that side is open.
type upstream struct {
	mu       sync.Mutex
	inlet    carrier.Inlet
	over     bool
	prefixes map[string]bool // and whether each is asked for by itself
	kept     map[string]bool // those wanted whether a subscriber wants them or not
	asked    int             // those that are
	bytes    int             // their length
}

// note takes in an event of the outgoing side.
func (w *upstream) note(e carrier.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		return
	}
	switch e.Kind {
	case carrier.Subscribed:
		w.add(e.Prefix)
	case carrier.Unsubscribed:
		w.remove(e.Prefix)
	}
}

// keep asks for prefixes until withdraw.
func (w *upstream) keep(prefixes [][]byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kept = map[string]bool{}
	for _, p := range prefixes {
		w.kept[string(p)] = true
		w.add(p)
	}
}

func (w *upstream) add(prefix []byte) {
	if w.prefixes == nil {
		w.prefixes = map[string]bool{}
	}
	single := w.asked < askedPrefixes && w.bytes+len(prefix) <= askedBytes
	if _, known := w.prefixes[string(prefix)]; known {
		return
	}
	w.prefixes[string(prefix)] = single
	switch {
	case single:
		w.asked++
		w.bytes += len(prefix)
		w.ask(prefix)
	case len(w.prefixes)-w.asked == 1:
		w.ask(nil)
	}
}

func (w *upstream) remove(prefix []byte) {
	single, known := w.prefixes[string(prefix)]
	if !known || w.kept[string(prefix)] {
		return
	}
	delete(w.prefixes, string(prefix))
	switch {
	case single:
		w.asked--
		w.bytes -= len(prefix)
		w.unask(prefix)
	case len(w.prefixes) == w.asked:
		w.unask(nil)
	}
}

// ask and unask fail only when the inlet is closed, which is ours to do.
func (w *upstream) ask(prefix []byte) {
	if w.inlet != nil {
		_ = w.inlet.Subscribe(prefix)
	}
}

func (w *upstream) unask(prefix []byte) {
	if w.inlet != nil {
		_ = w.inlet.Unsubscribe(prefix)
	}
}

func (w *upstream) attach(in carrier.Inlet) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inlet = in
	w.each(w.ask)
}

// withdraw takes everything back, for good.
func (w *upstream) withdraw() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	w.each(w.unask)
}

// each calls f for all that is asked for.
func (w *upstream) each(f func(prefix []byte)) {
	for p, single := range w.prefixes {
		if single {
			f([]byte(p))
		}
	}
	if len(w.prefixes) > w.asked {
		f(nil)
	}
}
