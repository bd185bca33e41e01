package zmtp

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/testkit"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// memoryHistory is a history of the topics that begin with `"kept`. What passes is stored by another
// goroutine, some time after it was sent. Its clock counts messages, as microseconds.
type memoryHistory struct {
	mu      sync.Mutex
	changed *sync.Cond
	begun   []*passing // in the order in which they began
	stored  [][]byte
	places  []int // for each of begun that is stored, how many of stored there are then
	held    bool  // nothing more is stored
	broken  error
	opened  []string // prefixes
	sinces  []time.Time
	readers int
	pauses  int
}

type passing struct {
	b    *batch.Batch
	sent bool
}

func newMemoryHistory(t testing.TB) *memoryHistory {
	h := &memoryHistory{}
	h.changed = sync.NewCond(&h.mu)
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.keepStoring()
	}()
	t.Cleanup(func() {
		h.fail(errClosing)
		<-done
	})
	return h
}

func (h *memoryHistory) keepStoring() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for !errors.Is(h.broken, errClosing) {
		n := len(h.places)
		if h.held || n == len(h.begun) || !h.begun[n].sent {
			h.changed.Wait()
			continue
		}
		b := h.begun[n].b
		for i := range b.Len() {
			if h.Keeps(topicOf(b, i)) {
				h.stored = append(h.stored, bytes.Clone(b.Message(i)))
			}
		}
		h.places = append(h.places, len(h.stored))
		h.changed.Broadcast()
	}
}

// pass sends a batch, as a post office does.
func (h *memoryHistory) pass(o carrier.Outlet, b *batch.Batch) {
	p := &passing{b: b}
	h.mu.Lock()
	h.begun = append(h.begun, p)
	h.mu.Unlock()
	o.Send(b)
	h.mu.Lock()
	p.sent = true
	h.mu.Unlock()
	h.changed.Broadcast()
}

func (h *memoryHistory) hold(held bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.held = held
	h.changed.Broadcast()
}

func (h *memoryHistory) fail(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.broken = err
	h.changed.Broadcast()
}

func (h *memoryHistory) Keeps(topic []byte) bool { return bytes.HasPrefix(topic, []byte(`"kept`)) }

func (h *memoryHistory) Covers(prefix []byte) bool {
	n := min(len(prefix), len(`"kept`))
	return string(prefix[:n]) == `"kept`[:n]
}

func (h *memoryHistory) Position() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.UnixMicro(int64(len(h.stored)))
}

func (h *memoryHistory) Open(_ context.Context, prefixes [][]byte, since time.Time) (carrier.HistoryReader, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range prefixes {
		h.opened = append(h.opened, string(p))
	}
	h.sinces = append(h.sinces, since)
	if h.broken != nil {
		return nil, h.broken
	}
	h.readers++
	r := &memoryReader{h: h, prefixes: prefixes}
	if !since.IsZero() {
		r.at = int(since.UnixMicro())
	}
	return r, nil
}

// asked are the times since which it was opened so far, as micros has them.
func (h *memoryHistory) asked() (all []int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, since := range h.sinces {
		all = append(all, micros(since))
	}
	return all
}

// memoryReader reads a memoryHistory.
type memoryReader struct {
	h        *memoryHistory
	prefixes [][]byte
	at       int // of stored
	goal     int // of begun
}

func (r *memoryReader) Mark() {
	r.h.mu.Lock()
	defer r.h.mu.Unlock()
	r.goal = len(r.h.begun)
}

func (r *memoryReader) Next(ctx context.Context) (*batch.Batch, time.Time, error) {
	h := r.h
	stop := context.AfterFunc(ctx, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.changed.Broadcast()
	})
	defer stop()
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case ctx.Err() != nil:
			return nil, time.Time{}, ctx.Err()
		case h.broken != nil:
			return nil, time.Time{}, h.broken
		case r.at < len(h.stored):
			return r.some(), time.UnixMicro(int64(r.at)), nil
		case r.goal <= len(h.places):
			return nil, time.Time{}, nil
		}
		h.changed.Wait()
	}
}

func (r *memoryReader) some() *batch.Batch {
	b := batch.Get()
	for ; r.at < len(r.h.stored) && b.Len() < 500; r.at++ {
		for _, p := range r.prefixes {
			if bytes.HasPrefix(batch.Topic(r.h.stored[r.at]), p) {
				b.AppendMessage(r.h.stored[r.at])
				break
			}
		}
	}
	return b
}

func (r *memoryReader) Pause() {
	r.h.mu.Lock()
	defer r.h.mu.Unlock()
	r.h.pauses++
}

func (r *memoryReader) Close() {
	r.h.mu.Lock()
	defer r.h.mu.Unlock()
	r.h.readers--
}

// awaitStored waits until n messages are stored.
func (h *memoryHistory) awaitStored(t testing.TB, n int) {
	t.Helper()
	testkit.Eventually(t, func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.stored) >= n
	}, "%d messages are stored", n)
}

// envelopes is a batch of the envelopes [from, to) of a topic and an origin; their data are their
// numbers.
func envelopes(t testing.TB, topic, origin string, from, to int) *batch.Batch {
	b := &batch.Batch{}
	for i := from; i < to; i++ {
		require.NoError(t, wire.Append(b, topic, []byte(`"`+origin+`"`), strconv.AppendInt(nil, int64(i), 10), true))
		wire.Stamp(b, 1_700_000_000_000_000, true)
		wire.Number(b, b.Len()-1, wire.Sequence{Incarnation: 7, Number: uint32(i)})
	}
	return b
}
