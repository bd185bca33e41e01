package sendqueue

import (
	"time"

	"github.com/hermes-zmq/hermes/internal/clock"
)

// coalescing is the pace limiter of sends, a token bucket. A program that publishes one
// envelope at a time, as fast as it can, causes a lasting quick succession of sends. Each
// carries little, and costs a system call or two here, in the post office and in each
// receiver. Once such sends have used up the credit, the sender waits before each, so that
// envelopes queued meanwhile are sent together. A burst of a few envelopes, or envelopes at a
// moderate pace, never wait.
type coalescing struct {
	credit time.Duration // grows with time, up to maxCredit; a send costs sendCost
}

const (
	// sendCost is the interval of sends that can go on forever without a delay.
	sendCost = 60 * time.Microsecond
	// maxCredit allows a burst of six sends without a delay.
	maxCredit = 6 * sendCost
	// coalescingDelay is how long the sender waits; Linux adds about 50 µs.
	coalescingDelay = 150 * time.Microsecond
)

// spend charges one send, since after the end of the last one. If the credit does not suffice,
// it is set to 0, and spend returns false.
func (c *coalescing) spend(since time.Duration) bool {
	c.credit = min(maxCredit, c.credit+since)
	if c.credit < sendCost {
		c.credit = 0
		return false
	}
	c.credit -= sendCost
	return true
}

// waitForMore sleeps for coalescingDelay; a signal may end it early, which does no harm.
func waitForMore() { clock.Pause(coalescingDelay) }
