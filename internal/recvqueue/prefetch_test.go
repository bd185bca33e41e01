package recvqueue

import (
	"strings"
	"sync"
)

// testBuffer is a prefetch buffer as the C library has one.
type testBuffer struct {
	mu        sync.Mutex // taken after the queue's, as that of C
	envelopes []string
	taken     int
	dropped   bool
}

func (b *testBuffer) Fill(t *Taken) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.envelopes, b.taken = strings.Fields(text(t)), 0
	return true
}

func (b *testBuffer) Taken() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.taken
}

func (b *testBuffer) Clear() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.envelopes = nil
	return b.taken
}

func (b *testBuffer) Drop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dropped = true
}

// take takes up to n envelopes, as a thread of C does.
func (b *testBuffer) take(n int) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	n = min(n, len(b.envelopes))
	out := b.envelopes[:n]
	b.envelopes = b.envelopes[n:]
	b.taken += n
	return out
}

// read is take as text.
func (b *testBuffer) read(n int) string {
	out := b.take(n)
	if len(out) == 0 {
		return "nothing\n"
	}
	return strings.Join(out, " ") + "\n"
}
