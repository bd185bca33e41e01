package core

import (
	"os"
	"sync"
	"time"

	"github.com/hermes-zmq/hermes/core/internal/batch"
)

// inbox is what a receiver has and nobody has taken yet. It keeps the receiver's
// counters as well, so that the sum
//
//	arrived = delivered + queued + dropped_origin + dropped_stale + dropped_overflow + dropped_malformed
//
// holds whenever its lock is free.
type inbox struct {
	mu       sync.Mutex
	opened   bool // ever
	closed   bool // nothing more will come
	segments []*segment
	tail     *segment // the last of segments, where it still grows
	count    int64
	bytes    int64
	counters receiverCounters

	waiters int
	wake    chan struct{}
	over    gate // closed
	waker   Waker

	fd       eventFD
	disposed bool // fd is gone for good
}

type receiverCounters struct {
	Arrived          uint64 `json:"arrived"`
	Delivered        uint64 `json:"delivered"`
	DroppedOrigin    uint64 `json:"dropped_origin"`
	DroppedStale     uint64 `json:"dropped_stale"`
	DroppedOverflow  uint64 `json:"dropped_overflow"`
	DroppedMalformed uint64 `json:"dropped_malformed"`
	Lost             uint64 `json:"lost"`
	Duplicates       uint64 `json:"duplicates"`
}

func (c *receiverCounters) add(d receiverCounters) {
	c.Arrived += d.Arrived
	c.DroppedOrigin += d.DroppedOrigin
	c.DroppedStale += d.DroppedStale
	c.DroppedOverflow += d.DroppedOverflow
	c.DroppedMalformed += d.DroppedMalformed
	c.Lost += d.Lost
	c.Duplicates += d.Duplicates
}

func (x *inbox) init() { x.wake = make(chan struct{}, 1) }

// open lets takers wait. It reports whether that is for the first time.
func (x *inbox) open() (first bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	first = !x.opened
	x.opened, x.closed = true, false
	x.over.set(false)
	x.fd.show(x.count > 0)
	return first
}

// reset takes back the first open.
func (x *inbox) reset() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.opened, x.closed = false, false
	x.fd.show(x.count > 0)
}

// close wakes everybody: what is there can still be taken, and nothing will come.
func (x *inbox) close() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.closed = true
	x.over.set(true)
	x.fd.show(true)
	x.rouse()
}

func (x *inbox) descriptor() (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.disposed {
		return -1, os.ErrClosed
	}
	fd, err := x.fd.open()
	x.fd.show(x.count > 0 || x.closed)
	return fd, err
}

func (x *inbox) dispose() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.disposed = true
	x.fd.close()
}

// commit takes in what has been staged from b, as far as there is room, and tells
// how many envelopes it turned away.
func (x *inbox) commit(b *batch.Batch, s *stage, most, mostBytes int64) (turnedAway int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	room, size := 0, int64(0)
	for room < len(s.items) && x.fits(int64(room+1), size+s.items[room].size(), most, mostBytes) {
		size += s.items[room].size()
		room++
	}
	turnedAway = len(s.items) - room
	s.counters.DroppedOverflow += uint64(turnedAway)
	x.counters.add(s.counters)
	if room == 0 {
		return turnedAway
	}
	x.count += int64(room)
	x.bytes += size
	x.append(b, s, room)
	if x.waiters > 0 {
		signal(x.wake)
	}
	x.fd.show(true)
	x.rouse()
	return turnedAway
}

func (x *inbox) rouse() {
	if x.waker != nil {
		x.waker.Wake()
	}
}

// fits reports whether n envelopes of so many bytes may come in. One envelope always
// finds room in an empty inbox, however big it is.
func (x *inbox) fits(n, size, most, mostBytes int64) bool {
	return x.count+n <= most && (x.bytes+size <= mostBytes || x.count == 0 && n == 1)
}

// append adds staged envelopes: as views of a batch that is well filled with them, and
// otherwise as copies, so that a few envelopes do not hold a whole arena.
func (x *inbox) append(b *batch.Batch, s *stage, n int) {
	if s.span(n) >= cap(b.Buf)/2 {
		g := newSegment()
		b.Retain()
		g.src, g.buf = b, b.Buf
		g.items = append(g.items, s.items[:n]...)
		x.segments, x.tail = append(x.segments, g), nil
		return
	}
	for _, it := range s.items[:n] {
		if x.tail == nil || x.tail.full() {
			x.tail = newSegment()
			x.segments = append(x.segments, x.tail)
		}
		x.tail.copyIn(b.Buf, it)
	}
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
	var d deadline
	for x.count == 0 {
		switch {
		case !x.opened:
			return nil, neverOpened
		case x.closed:
			return nil, ended
		case timeout == 0:
			return nil, timedOut
		}
		if d.c == nil && timeout > 0 {
			d = after(timeout)
			defer d.stop()
		}
		if !x.wait(d) && x.count == 0 {
			return nil, timedOut
		}
	}
	return x.collect(most), taken
}

// wait gives up the lock until something may have come. False: the time is up.
func (x *inbox) wait(d deadline) bool {
	x.waiters++
	x.mu.Unlock()
	defer func() {
		x.mu.Lock()
		x.waiters--
	}()
	select {
	case <-x.wake:
	case <-x.over.opened():
	case <-d.c:
		return false
	}
	return true
}

func (x *inbox) collect(most int) *Delivery {
	d := newDelivery()
	for d.n < most && x.count > 0 {
		g := x.segments[0]
		n := min(most-d.n, len(g.items)-g.next)
		d.add(g, g.next, n)
		g.next += n
		x.count -= int64(n)
		for i := g.next - n; i < g.next; i++ {
			x.bytes -= g.items[i].size()
		}
		if g.next == len(g.items) {
			x.drop(g)
		}
	}
	x.counters.Delivered += uint64(d.n)
	if x.count > 0 {
		if x.waiters > 0 {
			signal(x.wake)
		}
	} else if !x.closed {
		x.fd.show(false)
	}
	return d
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
	}
	g.release()
}
