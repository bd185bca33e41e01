package recvqueue

import "github.com/hermes-zmq/hermes/internal/queue"

// Prefetcher is a buffer outside of Go that holds copies of the next envelopes, for a thread
// that takes one after the other without a call into Go. Until they are taken they count as
// queued: the queue asks how many are gone whenever it looks at itself, and reclaims the rest
// before it gives envelopes to any other caller.
//
// All methods are called with the queue's lock held, and must not call the queue.
type Prefetcher interface {
	// Fill puts copies of envelopes into the buffer, which is empty. False: it cannot.
	Fill(*Taken) bool
	// Taken tells how many of them have been taken.
	Taken() int
	// Clear empties the buffer, and tells the same for the last time.
	Clear() int
	// Drop ends the use of the buffer.
	Drop()
}

// prefetch is the buffer and what is in it: copies of the first filled records, of which
// counted have been taken off the queue and counted as delivered.
type prefetch struct {
	buffer  Prefetcher // nil: none
	filled  int
	counted int
	view    Taken // scratch space of fill
}

// How much is prefetched at one time, at most, and how much must be queued for it to be
// worth it.
const (
	prefetchMessages = 128
	prefetchBytes    = 32 << 10
	prefetchFrom     = 4
)

func (p *prefetch) drop() {
	if p.buffer != nil {
		p.buffer.Drop()
		p.buffer = nil
	}
}

// SetPrefetcher gives a new queue its buffer.
func (q *Queue) SetPrefetcher(p Prefetcher) {
	q.lock()
	defer q.unlock()
	q.prefetch.buffer = p
}

// Prefetch fills the buffer, where it is empty and that is worth it, and reports whether
// there are envelopes in it.
func (q *Queue) Prefetch() bool {
	q.lock()
	defer q.unlock()
	return q.reconcile() || q.fill()
}

// fill fills the empty buffer. Policies that drop what is queued do not allow it, nor does
// Error, and a descriptor has to know at once of what is taken. A Put that waits for room
// needs not: see rule 4 of flowcontrol.go.
func (q *Queue) fill() bool {
	p := &q.prefetch
	if p.buffer == nil || !q.policy.Waits() && q.policy != queue.DropNew || q.fd.Made() || q.count < prefetchFrom {
		return false
	}
	c := q.chunks.first()
	n, bytes := 0, int64(0)
	for i := range c.records[c.next:] {
		size := c.records[c.next+i].Size()
		if n == prefetchMessages || bytes+size > prefetchBytes {
			break
		}
		bytes += size
		n++
	}
	if n == 0 {
		return false
	}
	p.view.add(c, c.next, n, bytes)
	if p.buffer.Fill(&p.view) {
		p.filled, p.counted = n, 0
	}
	p.view.Release()
	return p.filled > 0
}

// reconcile counts what has been taken from the buffer, and reports whether there is more.
func (q *Queue) reconcile() bool {
	if q.prefetch.filled > 0 {
		q.countTaken(q.prefetch.buffer.Taken())
	}
	return q.prefetch.filled > 0
}

// reclaim takes back what is in the buffer.
func (q *Queue) reclaim() {
	if q.prefetch.filled > 0 {
		q.countTaken(q.prefetch.buffer.Clear())
		q.prefetch.filled = 0
	}
}

// countTaken takes off the queue what has been taken from the buffer by now.
func (q *Queue) countTaken(taken int) {
	p := &q.prefetch
	if n := taken - p.counted; n > 0 {
		c := q.chunks.first()
		q.skip(n, sizeOf(c.records[c.next:c.next+n]))
		q.counters.Delivered += uint64(n)
		q.roomMade()
	}
	if p.counted = taken; taken == p.filled {
		p.filled = 0
	}
}
