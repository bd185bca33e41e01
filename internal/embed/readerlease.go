package embed

import (
	"sync/atomic"
	"time"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/clock"
	"github.com/hermes-zmq/hermes/internal/invariants"
	"github.com/hermes-zmq/hermes/internal/sysmon"
)

// Lease is the reader lease of one receiver: it lets a thread outside of Go, which waits for
// envelopes, wait for the connection itself and read what comes, so that a quiet envelope
// wakes one thread and not two.
//
// Its holder keeps the lease between its calls, because it usually calls again at once. If it
// stays away for longer than MaxAway, a timer returns the connection to its goroutine, so that
// nothing stays unread for long. Envelopes that have not been read are in the socket's buffer,
// as without a lease; only a caller that takes envelopes has to know of a lease, and calls
// Read.
//
// Lock order: Lease.mu, then those of the socket and of the queue. All methods may be called
// from any goroutine or thread.
type Lease struct {
	leased atomic.Bool // leaser is set: for callers that look without the lock

	mu     invariants.Mutex
	leaser carrier.ReaderLeaser // nil: there is no lease
	fd     int
	inside bool          // the holder is in a wait
	wanted bool          // another thread was refused meanwhile
	left   time.Duration // when the holder, or a caller that reads, was last here
	timing bool          // the timer runs
	timer  *time.Timer

	holder sysmon.KeepAlive
}

// MaxAway is how long the holder of a lease may stay away.
const MaxAway = 10 * time.Millisecond

// Active reports whether there is a lease.
func (l *Lease) Active() bool { return l.leased.Load() }

// Acquire takes the lease for a thread that is about to wait on fd, which polls readable when
// something may have arrived. again says that the thread is the holder and waits once more.
// ok is false if another thread is in a wait, the socket leases nothing, or allowed, which is
// called with the lock held, returns false; the last also ends an existing lease.
func (l *Lease) Acquire(again bool, in carrier.Inlet, allowed func() bool) (fd int, ok bool) {
	l.holder.Show()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.inside && !again {
		l.wanted = true
		return -1, false
	}
	l.inside = false
	if !allowed() {
		l.end()
		return -1, false
	}
	if l.leaser == nil {
		leaser, can := in.(carrier.ReaderLeaser)
		if !can {
			return -1, false
		}
		if l.fd, ok = leaser.LeaseReader(); !ok {
			return -1, false
		}
		l.leaser = leaser
		l.leased.Store(true)
	}
	l.inside, l.wanted = true, false
	return l.fd, true
}

// Release ends the wait of the holder. taken says that it has taken something, and so is
// likely to wait again soon; otherwise the lease ends.
func (l *Lease) Release(taken bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inside = false
	if l.leaser == nil {
		return
	}
	if l.wanted || !taken {
		l.end()
		return
	}
	l.left = clock.Monotonic()
	if !l.timing {
		l.timing = true
		l.startTimer(MaxAway)
	}
}

func (l *Lease) startTimer(d time.Duration) {
	if l.timer == nil {
		l.timer = time.AfterFunc(d, l.endIfAway)
	} else {
		l.timer.Reset(d)
	}
}

// endIfAway ends a lease whose holder has been away for too long.
func (l *Lease) endIfAway() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.timing = false
	if l.leaser == nil || l.inside {
		return
	}
	if rest := MaxAway - (clock.Monotonic() - l.left); rest > 0 {
		l.timing = true
		l.startTimer(rest)
		return
	}
	l.end()
}

// End ends the lease, and reports whether there was one: then its holder has to be woken. It
// looks with the lock held, because another thread may be acquiring at this moment what must
// not be leased from now on.
func (l *Lease) End() (was bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	was = l.leaser != nil
	l.end()
	return was
}

// end ends the lease; the caller holds mu.
func (l *Lease) end() {
	if l.leaser != nil {
		l.leaser.EndLease()
		l.leaser = nil
		l.leased.Store(false)
	}
}

// Read reads what is unread on a leased connection, in the caller's thread, through decoder
// and admission into the queue. It reports whether there was anything.
func (l *Lease) Read() bool {
	if !l.leased.Load() {
		return false
	}
	l.mu.Lock()
	leaser := l.leaser
	l.left = clock.Monotonic() // a caller that reads is not away
	l.mu.Unlock()
	return leaser != nil && leaser.ReadLeased()
}
