package recvqueue

import (
	"time"

	"github.com/hermes-zmq/hermes/internal/deadline"
)

// Outcome is how a Take ended.
type Outcome int

const (
	Took Outcome = iota
	TimedOut
	NeverOpened
	Ended // closed, and nothing is left
)

// Take waits for the first envelope, for as long as timeout says (negative: without end; 0
// polls), and collects up to most, which is at least 1, into an empty Taken.
func (q *Queue) Take(into *Taken, most int, timeout time.Duration) Outcome {
	q.lock()
	defer q.unlock()
	q.reclaim()
	var t deadline.Timer
	for q.count == 0 {
		switch {
		case !q.opened:
			return NeverOpened
		case q.closed:
			return Ended
		case timeout == 0:
			return TimedOut
		}
		if t.C == nil && timeout > 0 {
			t = deadline.After(timeout)
			defer t.Stop()
		}
		inTime := q.wait(t)
		q.reclaim()
		if !inTime && q.count == 0 {
			return TimedOut
		}
	}
	q.collect(into, most)
	return Took
}

// wait gives up the lock until something may have come. False: the time is up.
func (q *Queue) wait(t deadline.Timer) bool {
	q.waiters++
	q.unlock()
	defer func() {
		q.lock()
		q.waiters--
	}()
	select {
	case <-q.wake:
	case <-q.over.Opened():
	case <-t.C:
		return false
	}
	return true
}

// takenBytes is about how much one Take collects at most: what is worked on at one time
// should stay in the caches of a processor, and be memory that is used again.
const takenBytes = 1 << 20

func (q *Queue) collect(into *Taken, most int) {
	enough := q.bytes - takenBytes
	if q.conflating.on {
		q.thaw(most, takenBytes)
	}
	for into.n < most && q.count > 0 && (into.n == 0 || q.bytes > enough) {
		c := q.chunks.first()
		n := min(most-into.n, len(c.records)-c.next)
		size := sizeOf(c.records[c.next : c.next+n])
		into.add(c, c.next, n, size)
		q.skip(n, size)
	}
	q.counters.Delivered += uint64(into.n)
	q.roomMade()
	if q.count > 0 {
		if q.waiters > 0 {
			q.wakeOne()
		}
	} else if !q.closed {
		q.fd.Show(false)
	}
}

// skip takes n records, which have a size, off the first chunk.
func (q *Queue) skip(n int, size int64) {
	q.chunks.skip(n)
	q.count -= int64(n)
	q.bytes -= size
}
