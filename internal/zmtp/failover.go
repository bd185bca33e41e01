package zmtp

import "time"

// pathSlice is how long a Send that waits for one path does not look at the others.
const pathSlice = 20 * time.Millisecond

// path is one of several redundant connections in a Send under way.
type path struct {
	c      *conn
	next   int           // the first message that it has not taken
	waited time.Duration // for room
}

// failover is a Send to several peers that are redundant paths to the same receivers: a
// message that has reached one of them is not lost.
//
// Rules: every path takes what it has room for before any path is waited for. A path for
// which Send has waited for stalledTimeout altogether, while others take messages, is
// stalled: its messages are dropped and counted, until its queue is half empty again.
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
		most := min(pathSlice, max(f.stalledTimeout-late.waited, time.Millisecond))
		late.waited += late.c.out.waitForRoom(f.b, late.next, most)
		if late.waited >= f.stalledTimeout && othersAccept(paths, late.c) {
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
	if o.stalled.Load() && (o.messages > o.maxMessages/2 || o.bytes > o.maxBytes/2) {
		o.mu.Unlock()
		return false
	}
	o.stalled.Store(false)
	if p.c.topics.All() {
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
