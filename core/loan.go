package core

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/clock"
	"github.com/hermes-zmq/hermes/internal/queue"
	"github.com/hermes-zmq/hermes/internal/sysmon"
)

// loan lets a thread outside of Go, which waits for envelopes, wait for the connection
// itself, and read what comes: a quiet envelope then needs to wake one thread rather than
// two. A borrower keeps the loan between its calls, for it is likely to be back in no
// time; if it is not, the connection goes back to the goroutine of its own, so that
// nothing lies unread for long.
//
// Envelopes that have not been read are in the socket's buffer, where they were
// before, and nobody has to know of loans but those who take envelopes: see Receiver.fetch.
type loan struct {
	lent atomic.Bool // as lender, for those in a hurry

	mu      sync.Mutex
	lender  carrier.ReaderLeaser // nil: there is no loan
	fd      int
	inside  bool          // the borrower is in a call
	wanted  bool          // somebody else was refused meanwhile
	left    time.Duration // when it, or somebody who fetched, last was here
	watched bool          // the timer runs
	timer   *time.Timer

	holder sysmon.KeepAlive
}

// awayMost is how long a borrower may stay away.
const awayMost = 10 * time.Millisecond

// Borrow is for a thread that has found nothing to take, and is to wait outside of Go: it
// gives a descriptor that polls readable when something may have come. The thread
// waits there for as long as the Waker is not called, which also says that the loan is
// over, and then calls Take or TakeOrLay again, and Return when it waits no more. To wait
// once more it borrows again. ok is false where it has to wait for the Waker alone.
func (r *Receiver) Borrow(again bool) (fd int, ok bool) {
	l := &r.loan
	l.holder.Show()
	in := r.currentInlet()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.inside && !again {
		l.wanted = true
		return -1, false
	}
	l.inside = false
	if !r.lends() {
		l.takeBack()
		return -1, false
	}
	if l.lender == nil {
		lender, can := in.(carrier.ReaderLeaser)
		if !can {
			return -1, false
		}
		if l.fd, ok = lender.LeaseReader(); !ok {
			return -1, false
		}
		l.lender = lender
		l.lent.Store(true)
	}
	l.inside, l.wanted = true, false
	return l.fd, true
}

// lends reports whether it may: not where a full queue holds back the one who reads,
// for that must not be the one who takes; not where the receiver's own descriptor has to
// tell of what comes; and not where what lies unread while the borrower is away would
// soon be too old.
func (r *Receiver) lends() bool {
	if r.slowAfter.Get() < 10*awayMost && !r.onSlow.Is("ignore") {
		return false
	}
	r.inbox.mu.Lock()
	defer r.inbox.mu.Unlock()
	return r.inbox.full != queue.Block && !r.inbox.fd.Made() && !r.inbox.closed
}

// Return is for a borrower who waits no more, and has taken something or has not.
func (r *Receiver) Return(taken bool) {
	l := &r.loan
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inside = false
	switch {
	case l.lender == nil:
	case l.wanted, !taken: // or it would have stayed
		l.takeBack()
	case l.watched:
		l.left = clock.Monotonic()
	default:
		l.left, l.watched = clock.Monotonic(), true
		l.watch(awayMost)
	}
}

func (l *loan) watch(d time.Duration) {
	if l.timer == nil {
		l.timer = time.AfterFunc(d, l.look)
	} else {
		l.timer.Reset(d)
	}
}

// look ends a loan whose borrower has been away for too long.
func (l *loan) look() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.watched = false
	if l.lender == nil || l.inside {
		return
	}
	if rest := awayMost - (clock.Monotonic() - l.left); rest > 0 {
		l.watched = true
		l.watch(rest)
		return
	}
	l.takeBack()
}

// endLoan ends the loan, if there is one, and tells the borrower. It asks under the lock,
// for somebody may be about to borrow what must not be lent from now on.
func (r *Receiver) endLoan() {
	l := &r.loan
	l.mu.Lock()
	lent := l.lender != nil
	l.takeBack()
	l.mu.Unlock()
	if !lent {
		return
	}
	r.inbox.mu.Lock()
	defer r.inbox.mu.Unlock()
	r.inbox.rouse()
}

// takeBack ends the loan; the caller holds the lock.
func (l *loan) takeBack() {
	if l.lender != nil {
		l.lender.EndLease()
		l.lender = nil
		l.lent.Store(false)
	}
}

// readOut reads what has come, or as much of it as a kernel holds, for nobody will
// read it any more.
func (r *Receiver) readOut() {
	const most = 100
	for n := 0; n < most && r.fetch(); n++ {
	}
}

// fetch reads what a loan may have left unread. It reports whether there was anything.
func (r *Receiver) fetch() bool {
	l := &r.loan
	if !l.lent.Load() {
		return false
	}
	l.mu.Lock()
	lender := l.lender
	l.left = clock.Monotonic() // who fetches is not away
	l.mu.Unlock()
	return lender != nil && lender.ReadLeased()
}
