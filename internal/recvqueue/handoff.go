package recvqueue

// Handoff gives an envelope to a thread outside of Go that waits for one, without a call. Where it
// has done so the envelope is delivered.
//
// All methods are called with the queue's lock held, and must not call the queue.
type Handoff interface {
	// Waits reports whether a thread waits.
	Waits() bool
	// Hand gives it the envelope; last says that none is left. False: it has not.
	Hand(t *Taken, last bool) bool
	// Wake wakes the thread, with nothing for it, and makes void what Empty has said.
	Wake()
	// Quiet reports whether one of the last waits was a long one.
	Quiet() bool
	// Empty says that nothing is queued, and whether the last wait was a long one.
	Empty(long bool)
	// Drop ends the use of the handoff.
	Drop()
}

// handoff is that of a queue, and scratch space.
type handoff struct {
	to   Handoff // nil: none
	view Taken
}

// SetHandoff gives a new queue its handoff.
func (q *Queue) SetHandoff(h Handoff) {
	q.lock()
	defer q.unlock()
	q.handoff.to = h
}

// ExpectHandoff lets the next thread that waits do so in the handoff, if nothing is queued and the
// last wait, of which the caller tells, or another one of the last was long. It reports whether it
// does.
func (q *Queue) ExpectHandoff(long bool) bool {
	q.lock()
	defer q.unlock()
	q.reconcile()
	h := q.handoff.to
	if h == nil || q.count > 0 || !q.opened || q.closed || !long && !h.Quiet() {
		return false
	}
	h.Empty(long)
	return true
}

// handOff hands off the oldest envelope, if a thread waits for one.
func (q *Queue) handOff() {
	h := &q.handoff
	if h.to == nil || !h.to.Waits() || q.conflating.on || q.count == 0 || q.prefetch.filled > 0 {
		return
	}
	c := q.chunks.first()
	size := c.records[c.next].Size()
	h.view.add(c, c.next, 1, size)
	handed := h.to.Hand(&h.view, q.count == 1)
	h.view.Release()
	if handed {
		q.skip(1, size)
		q.counters.Delivered++
		q.roomMade()
	}
}

func (h *handoff) wake() {
	if h.to != nil {
		h.to.Wake()
	}
}

func (h *handoff) drop() {
	if h.to != nil {
		h.to.Drop()
		h.to = nil
	}
}
