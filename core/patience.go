package core

import (
	"sync"
	"time"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/safe"
)

// patience is how long a stop that is under way may still take. Who asks for another
// stop meanwhile can shorten it: closing must not wait for a flush without end.
type patience struct {
	mu    sync.Mutex
	begun bool
	ever  bool          // it has no end
	until time.Time     // unless ever
	less  chan struct{} // closed when the end has come closer

	queue map[uint64]time.Time // what those want who wait for the stop under way
	last  uint64
}

// enqueue shortens the stop under way, and the one that may be about to begin, until
// dequeue is called with the number that it gives.
func (p *patience) enqueue(timeout time.Duration) (number uint64) {
	p.shorten(timeout)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last++
	if timeout >= 0 {
		if p.queue == nil {
			p.queue = map[uint64]time.Time{}
		}
		p.queue[p.last] = time.Now().Add(timeout)
	}
	return p.last
}

func (p *patience) dequeue(number uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.queue, number)
}

// forget drops what those want who still wait for a stop that is over: it must not shorten
// the stop of another run.
func (p *patience) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.queue)
}

// begin starts it; a negative timeout has no end.
func (p *patience) begin(timeout time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begun, p.ever, p.until, p.less = true, timeout < 0, time.Now().Add(timeout), make(chan struct{})
	for _, until := range p.queue {
		if p.ever || until.Before(p.until) {
			p.ever, p.until = false, until
		}
	}
}

func (p *patience) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begun = false
}

// shorten lets it end after timeout at the latest. Without a stop under way it does
// nothing.
func (p *patience) shorten(timeout time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	until := time.Now().Add(timeout)
	if !p.begun || timeout < 0 || !p.ever && !until.Before(p.until) {
		return
	}
	p.ever, p.until = false, until
	close(p.less)
	p.less = make(chan struct{})
}

// left is how much of it is left, negative for no end, and a channel that is closed
// when that has become less.
func (p *patience) left() (time.Duration, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ever {
		return -1, p.less
	}
	return max(time.Until(p.until), 0), p.less
}

// await waits for a channel to be closed. False: patience has run out.
func (p *patience) await(done <-chan struct{}) bool {
	for {
		left, less := p.left()
		d := after(left)
		select {
		case <-done:
			d.stop()
			return true
		case <-d.c:
			d.stop()
			return false
		case <-less:
			d.stop()
		}
	}
}

// maxLinger bounds even a flush that may take for ever.
const maxLinger = 24 * time.Hour

// grace is how long a carrier may take to give up when its time is up.
const grace = time.Second

// close closes an outlet, which may flush for what is left. libzmq cannot be hurried
// once it has begun; it is then left to itself.
func (p *patience) close(o carrier.Outlet) int {
	linger, _ := p.left()
	if linger < 0 {
		linger = maxLinger
	}
	var unsent int
	closed := make(chan struct{})
	safe.Go(nil, func() {
		defer close(closed)
		unsent = o.Close(linger)
	})
	if p.await(closed) {
		return unsent
	}
	more := o.Close(0)
	select {
	case <-closed:
		return unsent + more
	case <-time.After(grace):
		return more
	}
}
