package sendqueue

import (
	"sync"
	"time"

	"github.com/hermes-zmq/hermes/internal/clock"
	"github.com/hermes-zmq/hermes/internal/deadline"
)

// turn is the right to send. One goroutine at a time holds it: the Sender's, or a caller of
// Put that found that one asleep. The queue's lock guards all fields.
type turn struct {
	taken     bool          // between beginTurn, or waitForTurn, and endTurn
	ended     sync.Cond     // taken has become false
	lastEnded time.Duration // when it last did, on the monotonic clock
	pace      coalescing

	asleep bool          // the Sender's goroutine waits for work, or is about to
	work   chan struct{} // wakes it: something was put
	change chan struct{} // wakes it: the subscriptions have changed, or the queue was closed
}

func (t *turn) init(mu *sync.Mutex) {
	t.ended.L = mu
	t.work = make(chan struct{}, 1)
	t.change = make(chan struct{}, 1)
}

// signal wakes the reader of c, now or when it next waits.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// waitForTurn waits until there is something to take and no caller has the turn, and gives
// the turn to the Sender's goroutine until endTurn. It returns false if the queue is closed.
func (q *Queue) waitForTurn() bool {
	t := &q.turn
	for {
		q.mu.Lock()
		q.collect()
		if !t.asleep && !q.waiting() {
			t.asleep = true
			q.collect() // once more: from now on an envelope has to wake the goroutine
		}
		switch {
		case q.closed:
			q.mu.Unlock()
			return false
		case q.waiting() && !t.taken:
			t.taken, t.asleep = true, false
			q.mu.Unlock()
			return true
		}
		t.asleep = true
		q.mu.Unlock()
		select {
		case <-t.work:
		case <-t.change:
		}
	}
}

// waiting reports whether there is something to take.
func (q *Queue) waiting() bool {
	return q.tail != nil || len(q.batches) > 0 || q.conflating.on || q.returned != nil
}

// quietTime is the minimum time since the last send for a caller to send instead of the
// Sender's goroutine. In a quick succession of envelopes the goroutine sends: more envelopes
// are queued while it sends one, and go out together.
const quietTime = 30 * time.Microsecond

// beginTurn gives the turn to a caller, until endTurn. It returns false if the goroutine is
// awake, another caller has the turn, there is nothing to take, a complete batch waits, or the
// sends follow each other too quickly.
func (q *Queue) beginTurn() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	t := &q.turn
	if q.closed || t.taken || !t.asleep || len(q.batches) > 0 || q.returned != nil || q.tail == nil {
		return false
	}
	if since := clock.Monotonic() - t.lastEnded; since < quietTime || !t.pace.spend(since) {
		return false
	}
	t.taken = true
	return true
}

// spendOrCoalesce charges the next send to the pace limiter and reports whether to wait for
// more envelopes first. It must be called once per send.
func (q *Queue) spendOrCoalesce() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.batches) == 0 && q.open && !q.turn.pace.spend(clock.Monotonic()-q.turn.lastEnded)
}

// wake wakes the goroutine, if it sleeps.
func (q *Queue) wake() {
	q.mu.Lock()
	asleep := q.turn.asleep
	q.turn.asleep = false
	q.mu.Unlock()
	if asleep {
		signal(q.turn.work)
	}
}

// endTurn ends the turn, and wakes the goroutine if envelopes have been queued meanwhile.
func (q *Queue) endTurn() {
	q.mu.Lock()
	t := &q.turn
	t.taken = false
	t.lastEnded = clock.Monotonic()
	t.ended.Broadcast()
	q.collect()
	wake := t.asleep && q.waiting()
	q.mu.Unlock()
	if wake {
		signal(t.work)
	}
}

// waitForChange waits, for at most most, for a change of subscriptions or for Close. Put does
// not end the wait.
func (q *Queue) waitForChange(most time.Duration) {
	d := deadline.After(most)
	defer d.Stop()
	select {
	case <-q.turn.change:
	case <-d.C:
	}
}

// Changed makes the Sender check again whether to hold envelopes. It takes no lock.
func (q *Queue) Changed() { signal(q.turn.change) }
