package zmtp

import (
	"time"

	"github.com/hermes-zmq/hermes/internal/batch"
)

// pathSlice is how long a Send that waits for one path does not look at the others.
const pathSlice = 20 * time.Millisecond

// path is one of several redundant connections in a Send under way.
type path struct {
	c    *conn
	next int // the first message that it has not taken
}

// failover is a Send to several peers that are redundant paths to the same receivers: a
// message that has reached one of them is not lost.
//
// Rules: every path takes what it has room for before any path is waited for. A path for
// which Sends have waited for stalledTimeout altogether since its queue was last half empty,
// while others take messages, is stalled: its messages are dropped and counted, until its
// queue is half empty again. So a path that only trickles, because its post office holds back
// publishers, does not make the others trickle.
// The last path that is not stalled is waited for without end; where all others have
// left, a stalled path is waited for again.
//
// One goroutine uses it; whether a path is stalled lies in its send buffer, for the next
// Send.
type failover struct {
	*fanOut
	stalledTimeout time.Duration
}

// sendAll sends to all peers.
func (f *failover) sendAll(peers []*conn) {
	var room [4]path // on the stack, which a field of f would not be
	paths := room[:0]
	for _, c := range peers {
		paths = append(paths, path{c: c})
	}
	for late := f.offerAll(paths); late != nil; late = f.offerAll(paths) {
		if late.c.out.waitForRoomOfPath(f.b, late.next, f.stalledTimeout) >= f.stalledTimeout && othersAccept(paths, late.c) {
			late.c.out.stalled.Store(true)
		}
	}
	for i := range paths {
		f.dropRest(&paths[i])
	}
}

// offerAll lets every path take what it has room for, and reports which of them is to be
// waited for: none, if all have everything or are stalled.
func (f *failover) offerAll(paths []path) (late *path) {
	var stalled *path
	accepting := 0
	for i := range paths {
		p := &paths[i]
		if f.offer(p) {
			accepting++
			continue
		}
		if p.next == f.b.Len() {
			continue
		}
		if p.c.out.stalled.Load() {
			stalled = p
		} else if accepting++; late == nil {
			late = p
		}
	}
	if late == nil && stalled != nil && accepting == 0 {
		stalled.c.out.stalled.Store(false) // all others have left
		return stalled
	}
	return late
}

// waitForRoomOfPath waits a moment for room for message i of b, and gives how long Sends have
// waited for this path altogether since its queue was last half empty. The caller does not hold
// mu.
func (o *sendBuffer) waitForRoomOfPath(b *batch.Batch, i int, limit time.Duration) time.Duration {
	o.mu.Lock()
	before := o.waited
	o.mu.Unlock()
	waited := o.waitForRoom(b, i, min(pathSlice, max(limit-before, time.Millisecond)))
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waited += waited
	return o.waited
}

// othersAccept reports whether a peer besides c takes messages.
func othersAccept(paths []path, c *conn) bool {
	for i := range paths {
		if other := paths[i].c; other != c && other.out.accepting() {
			return true
		}
	}
	return false
}

// offer queues what there is room for. It reports whether the path has everything now
// and still takes messages.
func (f *failover) offer(p *path) bool {
	n := f.b.Len()
	o := &p.c.out
	if p.next == n {
		return o.accepting()
	}
	o.mu.Lock()
	if o.dead || o.closing {
		if p.next == 0 {
			f.skipPeer(p.c)
		} else {
			f.giveUpRest(p.c, p.next)
			o.mu.Unlock()
		}
		p.next = n
		return false
	}
	if o.messages <= o.maxMessages/2 && o.bytes <= o.maxBytes/2 {
		o.stalled.Store(false)
		o.waited = 0
	} else if o.stalled.Load() {
		o.mu.Unlock()
		return false
	}
	o.mixed = o.mixed || f.hasSystem(p.c)
	if p.c.topics.All() && !f.hasSystem(p.c) {
		p.next = f.queueWhatFits(p.c, p.next, n)
	} else {
		i, j := f.nextRun(p.c, p.next)
		for ; i < n; i, j = f.nextRun(p.c, j) {
			if i = f.queueWhatFits(p.c, i, j); i < j {
				break
			}
		}
		p.next = i
	}
	p.c.flush()
	return p.next == n
}

// dropRest drops what a stalled path has not taken.
func (f *failover) dropRest(p *path) {
	n := f.b.Len()
	if p.next == n {
		return
	}
	o := &p.c.out
	o.mu.Lock()
	defer o.mu.Unlock()
	for i, j := f.nextRun(p.c, p.next); i < n; i, j = f.nextRun(p.c, j) {
		o.dropped += uint64(j - i)
		f.record(i, j, dropped)
	}
}
