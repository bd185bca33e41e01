package core

import (
	"time"

	"golang.org/x/sys/unix"
)

// pacing notices a quick succession of sends that goes on, such as that of a program that
// publishes one by one as fast as it can in a slow language. Each send then carries
// little, and costs everybody on its way a system call or two. So the pump takes a breath
// before each: much more gathers, and goes out together. A burst of a few, or
// envelopes at a moderate pace, never wait.
type pacing struct {
	credit time.Duration // grows with time, and a send costs some
}

const (
	// sendCost is the pace that can go on for ever without a breath: so much between two.
	sendCost = 60 * time.Microsecond
	// creditMost lets so many sends go ahead of that pace.
	creditMost = 6 * sendCost
	// breath is how long the pump waits, and some 50 µs more on Linux.
	breath = 150 * time.Microsecond
)

// spend pays for a send, given the time since the last one. Where there is no credit
// it reports false.
func (p *pacing) spend(since time.Duration) bool {
	p.credit = min(creditMost, p.credit+since)
	if p.credit < sendCost {
		p.credit = 0
		return false
	}
	p.credit -= sendCost
	return true
}

// takeBreath sleeps more precisely than time.Sleep does, which in a program at rest
// means a millisecond at least.
func takeBreath() {
	t := unix.NsecToTimespec(breath.Nanoseconds())
	_ = unix.Nanosleep(&t, nil) // cut short by a signal, it was long enough
}
