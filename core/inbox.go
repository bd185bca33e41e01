package core

import (
	"math"
	"os"
	"sync"
	"time"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/deadline"
	"github.com/hermes-zmq/hermes/internal/fds"
	"github.com/hermes-zmq/hermes/internal/latch"
	"github.com/hermes-zmq/hermes/internal/queue"
)

// inbox is what a receiver has and nobody has taken yet. It keeps the receiver's
// counters as well, so that the sum
//
//	arrived = delivered + queued + held + dropped_origin + dropped_stale + dropped_malformed +
//		dropped_overflow + dropped_old + dropped_conflated + dropped_duplicate
//
// holds whenever its lock is free.
type inbox struct {
	mu       sync.Mutex
	opened   bool // ever
	closed   bool // nothing more will come
	full     queue.Policy
	segments []*segment
	tail     *segment      // the last of segments, where it still grows
	topics   latestArrived // what waits instead, after the inbox was full with latest_per_topic
	count    int64
	bytes    int64
	held     int64 // memory of all segments but the tail, or of topics
	counters receiverCounters
	lag      lag

	tray     Tray // see lay; may be nil
	lent     int  // the first envelopes of segments, which are on the tray
	returned int  // how many of these have been booked as taken

	waiters int
	wake    chan struct{}
	room    chan struct{} // closed when there may be some; made when somebody waits
	over    latch.Latch   // closed
	waker   Waker

	fd       fds.PollFD
	disposed bool // fd is gone for good
}

type receiverCounters struct {
	Arrived          uint64 `json:"arrived"`
	Delivered        uint64 `json:"delivered"`
	DroppedOrigin    uint64 `json:"dropped_origin"`
	DroppedStale     uint64 `json:"dropped_stale"`
	DroppedMalformed uint64 `json:"dropped_malformed"`
	DroppedOverflow  uint64 `json:"dropped_overflow"`
	DroppedOld       uint64 `json:"dropped_old"`
	DroppedConflated uint64 `json:"dropped_conflated"`
	DroppedDuplicate uint64 `json:"dropped_duplicate"`
	FromFuture       uint64 `json:"from_future"` // in none of the sums
	Cached           uint64 `json:"cached"`
	Held             int64  `json:"held"`
	Lost             uint64 `json:"lost"`
	Duplicates       uint64 `json:"duplicates"`
}

func (c *receiverCounters) add(d receiverCounters) {
	c.Arrived += d.Arrived
	c.DroppedOrigin += d.DroppedOrigin
	c.DroppedStale += d.DroppedStale
	c.DroppedOverflow += d.DroppedOverflow
	c.DroppedMalformed += d.DroppedMalformed
	c.DroppedDuplicate += d.DroppedDuplicate
	c.FromFuture += d.FromFuture
	c.Cached += d.Cached
	c.Held += d.Held
	c.Lost += d.Lost
	c.Duplicates += d.Duplicates
}

func (x *inbox) init() { x.wake = make(chan struct{}, 1) }

// open lets takers wait. It reports whether that is for the first time.
func (x *inbox) open(full queue.Policy) (first bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	first = !x.opened
	x.clear()
	if x.topics.on {
		x.thaw(math.MaxInt) // what is there stays, and in order, whatever the rule is from now on
	}
	x.full, x.lag = full, lag{}
	x.opened, x.closed = true, false
	x.over.Set(false)
	x.fd.Show(x.count > 0)
	return first
}

// reset takes back the first open.
func (x *inbox) reset() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.opened, x.closed = false, false
	x.fd.Show(x.count > 0)
}

// close wakes everybody: what is there can still be taken, and nothing will come.
func (x *inbox) close() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.closed = true
	x.over.Set(true)
	x.fd.Show(true)
	x.rouse()
}

func (x *inbox) descriptor() (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.disposed {
		return -1, os.ErrClosed
	}
	x.clear()
	fd, err := x.fd.Open()
	x.fd.Show(x.count > 0 || x.closed)
	return fd, err
}

func (x *inbox) dispose() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.disposed = true
	x.fd.Close()
}

// commit takes in what has been staged from b, as far as there is room or room can be
// made. It tells how many envelopes that has cost. What is left is what has to wait for
// room, as a part of the stage, and has not been counted yet.
func (x *inbox) commit(b *batch.Batch, s *stage, limit queue.Bound) (left []item, dropped int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.laid()
	items, size := s.items, s.size
	switch whole := !x.topics.on && x.fits(int64(len(items)), size, limit); {
	case whole:
	case x.full == queue.DropOld:
		items, dropped = x.pushOut(items, size, limit)
		size = sizeOf(items)
	case x.full == queue.LatestPerTopic:
		dropped = x.conflate(b, items, limit)
		items, size = nil, 0
	default:
		room := x.roomFor(items, limit)
		items, left = items[:room], items[room:]
		size = sizeOf(items)
	}
	if x.full == queue.Block {
		s.counters.Arrived -= uint64(len(left))
	} else {
		s.counters.DroppedOverflow += uint64(len(left))
		left, dropped = nil, dropped+len(left)
	}
	x.counters.add(s.counters)
	x.lag.add(s.lag)
	x.append(b, items, size, s)
	return left, dropped
}

// admit takes in what fits of envelopes that have waited for room. Where none does it
// gives a channel that is closed when that may have changed.
func (x *inbox) admit(b *batch.Batch, items []item, limit queue.Bound) (n int, full <-chan struct{}) {
	x.mu.Lock()
	defer x.mu.Unlock()
	n = x.roomFor(items, limit)
	x.counters.Arrived += uint64(n)
	x.append(b, items[:n], sizeOf(items[:n]), nil)
	if n > 0 {
		return n, nil
	}
	if x.room == nil {
		x.room = make(chan struct{})
	}
	return 0, x.room
}

// retry tells whoever waits for room to try again.
func (x *inbox) retry() {
	if x.room != nil {
		close(x.room)
		x.room = nil
	}
}

// turnAway counts envelopes that have waited for room in vain.
func (x *inbox) turnAway(n int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.counters.Arrived += uint64(n)
	x.counters.DroppedOverflow += uint64(n)
}

func (x *inbox) rouse() {
	if x.waker != nil {
		x.waker.Wake()
	}
}

// roomFor tells how many of the items there is room for.
func (x *inbox) roomFor(items []item, limit queue.Bound) (n int) {
	size := int64(0)
	for n < len(items) && x.fits(int64(n+1), size+items[n].size(), limit) {
		size += items[n].size()
		n++
	}
	return n
}

// fits reports whether n envelopes of so many bytes may come in. One envelope always
// finds room in an empty inbox, however big it is.
func (x *inbox) fits(n, size int64, limit queue.Bound) bool {
	return x.count+n <= limit.Messages && x.bytes+size <= limit.Bytes && x.memory() <= limit.Bytes+queue.Slack ||
		x.count == 0 && n == 1
}

// memory is how much the inbox takes.
func (x *inbox) memory() int64 {
	if x.tail == nil {
		return x.held
	}
	return x.held + x.tail.cost()
}

// append adds envelopes, with their size: as views of a batch that is well filled with them, and
// otherwise as copies, so that a few envelopes do not hold a whole arena. Where they are all
// of a stage, that gets other memory for theirs.
func (x *inbox) append(b *batch.Batch, items []item, size int64, s *stage) {
	if len(items) == 0 {
		return
	}
	x.bytes += size
	x.count += int64(len(items))
	if size+int64(len(items))*unframed >= int64(cap(b.Buf)/2) {
		x.begin(nil)
		g := newSegment()
		b.Retain()
		g.src, g.buf = b, b.Buf
		if s != nil && len(items) == len(s.items) {
			g.items, s.items = s.items, g.items[:0]
		} else {
			g.items = append(g.items, items...)
		}
		x.segments = append(x.segments, g)
		x.held += g.cost()
	} else {
		for _, it := range items {
			x.copyIn(b.Buf, it)
		}
	}
	x.news()
}

// news wakes whoever waits for envelopes.
func (x *inbox) news() {
	if x.waiters > 0 {
		signal(x.wake)
	}
	x.fd.Show(true)
	x.rouse()
}

// copyIn adds a copy of an envelope.
func (x *inbox) copyIn(buf []byte, it item) {
	if x.tail == nil || x.tail.full() {
		x.begin(newSegment())
		x.segments = append(x.segments, x.tail)
	}
	x.tail.copyIn(buf, it)
}

// begin makes another segment the tail.
func (x *inbox) begin(g *segment) {
	if x.tail != nil {
		x.held += x.tail.cost()
	}
	x.tail = g
}

// How a take ended.
type outcome int

const (
	taken outcome = iota
	timedOut
	neverOpened
	ended
)

// take waits for the first envelope and collects up to most.
func (x *inbox) take(most int, timeout time.Duration) (*Delivery, outcome) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.clear()
	var d deadline.Timer
	for x.count == 0 {
		switch {
		case !x.opened:
			return nil, neverOpened
		case x.closed:
			return nil, ended
		case timeout == 0:
			return nil, timedOut
		}
		if d.C == nil && timeout > 0 {
			d = deadline.After(timeout)
			defer d.Stop()
		}
		inTime := x.wait(d)
		x.clear()
		if !inTime && x.count == 0 {
			return nil, timedOut
		}
	}
	return x.collect(most), taken
}

// wait gives up the lock until something may have come. False: the time is up.
func (x *inbox) wait(d deadline.Timer) bool {
	x.waiters++
	x.mu.Unlock()
	defer func() {
		x.mu.Lock()
		x.waiters--
	}()
	select {
	case <-x.wake:
	case <-x.over.Opened():
	case <-d.C:
		return false
	}
	return true
}

// takenBytes is about how much one take collects at most: what is worked on at one time
// should stay in the caches of a processor, and be memory that is used again.
const takenBytes = 1 << 20

func (x *inbox) collect(most int) *Delivery {
	d := newDelivery()
	enough := x.bytes - takenBytes
	if x.topics.on {
		x.thaw(most)
	}
	for d.n < most && x.count > 0 && (d.n == 0 || x.bytes > enough) {
		g := x.segments[0]
		n := min(most-d.n, len(g.items)-g.next)
		size := sizeOf(g.items[g.next : g.next+n])
		d.add(g, g.next, n, size)
		x.advance(g, n, size)
	}
	x.counters.Delivered += uint64(d.n)
	x.retry()
	if x.count > 0 {
		if x.waiters > 0 {
			signal(x.wake)
		}
	} else if !x.closed {
		x.fd.Show(false)
	}
	return d
}

// advance takes n envelopes off the first segment, which have a size.
func (x *inbox) advance(g *segment, n int, size int64) {
	g.next += n
	x.count -= int64(n)
	x.bytes -= size
	if g.next == len(g.items) {
		x.drop(g)
	}
}

// drop removes the first segment, of which all has been taken.
func (x *inbox) drop(g *segment) {
	x.segments[0] = nil
	x.segments = x.segments[1:]
	if len(x.segments) == 0 {
		x.segments = nil
	}
	if x.tail == g {
		x.tail = nil
	} else {
		x.held -= g.cost()
	}
	g.release()
}

// signal wakes the reader of c, now or when it next waits.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
