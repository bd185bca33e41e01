package recvqueue

import "strings"

// testBuffer is a prefetch buffer as the C library has one.
type testBuffer struct {
	envelopes []string
	taken     int
	dropped   bool
}

func (b *testBuffer) Fill(t *Taken) bool {
	b.envelopes, b.taken = strings.Fields(text(t)), 0
	return true
}

func (b *testBuffer) Taken() int { return b.taken }

func (b *testBuffer) Clear() int {
	b.envelopes = nil
	return b.taken
}

func (b *testBuffer) Drop() { b.dropped = true }

// read takes up to n envelopes, as a thread of C does.
func (b *testBuffer) read(n int) string {
	n = min(n, len(b.envelopes))
	if n == 0 {
		return "nothing\n"
	}
	out := strings.Join(b.envelopes[:n], " ")
	b.envelopes = b.envelopes[n:]
	b.taken += n
	return out + "\n"
}
