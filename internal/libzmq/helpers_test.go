//go:build cgo && !nolibzmq

package libzmq

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

// eventLog collects events.
type eventLog struct {
	mu     sync.Mutex
	events []carrier.Event
}

func (l *eventLog) record(e carrier.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
}

func (l *eventLog) has(kind carrier.EventKind, prefix string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.events {
		if e.Kind == kind && (e.Prefix == nil || string(e.Prefix) == prefix) {
			return true
		}
	}
	return false
}

func newOutlet(t *testing.T, cfg carrier.OutletConfig) carrier.Outlet {
	if cfg.Type == 0 {
		cfg.Type = carrier.PUB
	}
	o, err := Opener{}.OpenOutlet(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { o.Close(0) })
	return o
}

// newInlet hands on what arrives, a message a string.
func newInlet(t *testing.T, cfg carrier.InletConfig) (carrier.Inlet, <-chan string) {
	got := make(chan string, 1<<20)
	cfg.Deliver = func(b *batch.Batch) {
		for i := range b.Len() {
			var text string
			for _, f := range batch.Frames(nil, b.Message(i)) {
				text += "|" + string(f)
			}
			got <- text
		}
	}
	if cfg.Type == 0 {
		cfg.Type = carrier.SUB
	}
	in, err := Opener{}.OpenInlet(cfg)
	require.NoError(t, err)
	t.Cleanup(in.Close)
	return in, got
}

func messages(texts ...string) *batch.Batch {
	b := new(batch.Batch)
	b.Retain()
	for _, s := range texts {
		b.AppendFrame([]byte(s), true)
		b.AppendFrame(nil, true)
		b.AppendFrame([]byte("end"), false)
	}
	return b
}

func next(t *testing.T, got <-chan string) string {
	t.Helper()
	return testkit.Receive(t, got, "a message")
}
