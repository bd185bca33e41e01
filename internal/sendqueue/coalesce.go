package sendqueue

import (
	"time"

	"golang.org/x/sys/unix"
)

// coalescing notices a quick succession of sends that goes on, such as that of a program that
// publishes one by one as fast as it can in a slow language. Each send then carries little,
// and costs a system call or two here, in the post office and in each receiver. So the
// sender waits before each: much more is queued meanwhile, and goes out together. A burst of
// a few envelopes, or envelopes at a moderate pace, never wait.
type coalescing struct {
	credit time.Duration // grows with time up to maxCredit; a send costs sendCost
}

const (
	// sendCost is the pace that can go on for ever without a delay: so much between two.
	sendCost = 60 * time.Microsecond
	// maxCredit lets so many sends go ahead of that pace.
	maxCredit = 6 * sendCost
	// coalescingDelay is how long the sender waits, and some 50 µs more on Linux.
	coalescingDelay = 150 * time.Microsecond
)

// spend pays for a send, given the time since the last one. Where there is no credit it
// reports false.
func (c *coalescing) spend(since time.Duration) bool {
	c.credit = min(maxCredit, c.credit+since)
	if c.credit < sendCost {
		c.credit = 0
		return false
	}
	c.credit -= sendCost
	return true
}

// waitForMore sleeps more precisely than time.Sleep does, which in a program at rest means
// a millisecond at least.
func waitForMore() {
	t := unix.NsecToTimespec(coalescingDelay.Nanoseconds())
	_ = unix.Nanosleep(&t, nil) // cut short by a signal, it was long enough
}
