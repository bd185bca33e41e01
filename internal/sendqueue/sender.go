package sendqueue

import (
	"time"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/clock"
	"github.com/hermes-zmq/hermes/internal/faultinject"
	"github.com/hermes-zmq/hermes/internal/safe"
	"github.com/hermes-zmq/hermes/internal/sysmon"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// Outlet is what a Sender needs of a socket; carrier.Outlet says what each method does.
type Outlet interface {
	Send(*batch.Batch) carrier.Tally
	Idle() bool
}

// Sender takes the envelopes of a queue in one run of the publisher, stamps the time on
// them, numbers them and hands them to the socket. It sends nothing while HoldFor says so:
// a program that starts, or a post office that restarts, has no subscriptions for a moment.
type Sender struct {
	Queue      *Queue
	Outlet     Outlet
	Subscribed func() bool          // whether there is a subscription
	HoldFor    func() time.Duration // how long to hold envelopes from now on; 0 or less: not at all
	Fail       func(error)          // told of a panic in a caller of Wake

	again  *batch.Batch     // given back to the queue: it has its time and its numbers; of the turn
	caller sysmon.KeepAlive // of the thread that calls Wake, which is usually the same one
}

// recheck is how long a batch that was given back waits, unless the subscriptions change.
const recheck = time.Millisecond

// Run is the life of the Sender's goroutine. It returns once the queue has been closed.
func (s *Sender) Run() {
	for s.Queue.waitForTurn() {
		if s.Queue.spendOrCoalesce() {
			waitForMore()
		}
		if hold := s.sendOnce(); hold > 0 {
			s.Queue.waitForChange(hold)
		}
	}
}

// RunStaged is the life of a goroutine that sends what was staged while Run's slept. It is
// for a publisher with a staging buffer; Run need not know of it.
func (s *Sender) RunStaged() {
	for s.Queue.waitForStaged() {
		s.sendOrWake()
	}
}

// sendOnce sends one batch, and ends the turn, which the caller has. If envelopes are to be
// held, it sends nothing and returns for how long.
func (s *Sender) sendOnce() (hold time.Duration) {
	q := s.Queue
	defer q.endTurn()
	if hold := s.HoldFor(); hold > 0 {
		return hold
	}
	b := q.Take()
	if b == nil {
		return 0
	}
	if b != s.again {
		s.prepare(b)
	}
	s.again = nil
	t := s.Outlet.Send(b)
	if t.Left > 0 && s.mayComeBack() {
		s.again = q.GiveBack(b, t)
		return recheck
	}
	q.Settle(b, t)
	return 0
}

// prepare writes the time and the numbers of a batch.
func (s *Sender) prepare(b *batch.Batch) {
	faultinject.At("publisher")
	numbered := s.Queue.cfg.Numbered
	wire.Stamp(b, clock.TimeOfDay().UnixMicro(), numbered)
	if numbered {
		s.Queue.sequence.number(b)
	}
}

// mayComeBack reports whether to hold what found no subscription: HoldFor will say how long,
// but may not have been told yet that the last one is gone.
func (s *Sender) mayComeBack() bool { return s.Subscribed() || s.HoldFor() > 0 }

// Wake starts the sending of what was put into an idle queue. If nothing has been sent for a
// while and the connection is idle, the caller sends, which saves the switch to another
// thread. Otherwise Wake wakes the Sender's goroutine.
func (s *Sender) Wake() {
	if s.sendOrWake() {
		s.caller.Show()
	}
}

// sendOrWake reports whether the caller has sent.
func (s *Sender) sendOrWake() bool {
	if !s.Outlet.Idle() || !s.Subscribed() || !s.Queue.beginTurn() {
		s.Queue.wake()
		return false
	}
	safe.Do(s.Fail, func() { s.sendOnce() })
	return true
}
