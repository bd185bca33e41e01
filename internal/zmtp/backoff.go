package zmtp

import (
	"time"

	"github.com/hermes-zmq/hermes/internal/random"
)

// backoff is the pause between attempts to connect: it doubles up to max, with jitter, so
// that peers that have lost the same server do not come back all at once.
type backoff struct {
	min, max, now time.Duration
}

func (b *backoff) reset() { b.now = 0 }

// next is the pause before the next attempt: between half of the current bound and
// all of it, and never less than the minimum.
func (b *backoff) next() time.Duration {
	if b.now == 0 {
		b.now = b.min
	} else {
		b.now = min(2*b.now, b.max)
	}
	return max(b.min, b.now/2+time.Duration(random.Uint64()%uint64(b.now/2+1)))
}
