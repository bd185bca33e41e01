package zmtp

import (
	"time"

	"github.com/hermes-zmq/hermes/internal/batch"
)

// glance is how long a Send that waits for one path looks away from the others.
const glance = 20 * time.Millisecond

// share is one path's part of a Send under way: it has yet to take the messages from
// next on.
type share struct {
	c      *conn
	next   int
	waited time.Duration // for room
}

// giveAll gives to several peers that are paths to the same end: what reaches one of
// them is not lost. So everybody takes what there is room for before anybody is waited
// for; and who has kept the others waiting for longer than patience is left behind
// until it has caught up by half, unless there is nobody else.
func (h *handout) giveAll(peers []*conn, patience time.Duration) {
	var room [4]share
	shares := room[:0]
	for _, c := range peers {
		shares = append(shares, share{c: c})
	}
	for {
		late := h.offerAll(shares)
		if late == nil {
			break
		}
		late.waited += late.c.out.await(h.b, late.next, min(glance, max(patience-late.waited, time.Millisecond)))
		if late.waited >= patience && othersKeepUp(shares, late.c) {
			late.c.out.fallBehind(true)
		}
	}
	for i := range shares {
		h.pass(&shares[i])
	}
}

// offerAll lets every path take what it has room for, and tells which of them is to be
// waited for: none, if all have everything or were left behind.
func (h *handout) offerAll(shares []share) (late *share) {
	var behind *share
	keepUp := 0
	for i := range shares {
		s := &shares[i]
		if h.offer(s) {
			keepUp++
			continue
		}
		if s.next == h.b.Len() {
			continue
		}
		if s.c.out.isBehind() {
			behind = s
		} else if keepUp++; late == nil {
			late = s
		}
	}
	if late == nil && behind != nil && keepUp == 0 {
		behind.c.out.fallBehind(false) // there is nobody else any more
		return behind
	}
	return late
}

// othersKeepUp reports whether a peer is not the only one that takes anything.
func othersKeepUp(shares []share, late *conn) bool {
	for i := range shares {
		if c := shares[i].c; c != late && c.out.takes() {
			return true
		}
	}
	return false
}

// offer queues what there is room for. It reports whether the peer has everything now.
func (h *handout) offer(s *share) bool {
	n := h.b.Len()
	if s.next == n {
		return s.c.out.takes()
	}
	o := &s.c.out
	o.mu.Lock()
	if o.dead || o.last {
		if s.next == 0 {
			h.giveNone(o)
		} else {
			h.leave(o, s.next, n)
			o.mu.Unlock()
		}
		s.next = n
		return false
	}
	if o.behind && (o.messages > o.maxMessages/2 || o.bytes > o.maxBytes/2) {
		o.mu.Unlock()
		return false
	}
	o.behind = false
	if s.c.topics.All() {
		s.next = h.giveWhatFits(s.c, s.next, n)
	} else {
		i, j := h.run(s.c, s.next)
		for ; i < n; i, j = h.run(s.c, j) {
			if i = h.giveWhatFits(s.c, i, j); i < j {
				break
			}
		}
		s.next = i
	}
	s.c.kick()
	return s.next == n
}

// giveWhatFits queues the messages [i, j) as far as there is room, and tells how far
// that is. The lock of the outbox is held at the beginning and at the end.
func (h *handout) giveWhatFits(c *conn, i, j int) int {
	o := &c.out
	n := h.b.Len()
	for tried := false; i < j && !o.dead && !o.last; {
		k := o.fits(h.b, i, j)
		if k == 0 {
			if tried {
				break
			}
			tried = true
			c.kick()
			o.mu.Lock()
			continue
		}
		bytes := h.b.Ends[i+k-1] - h.b.Start(i)
		o.add(h.b, i, i+k, bytes < sparseBytes && k < n || o.pins(h.b, bytes))
		if k == n {
			h.allSent = true
		}
		h.mark(i, i+k, sent)
		i, tried = i+k, false
	}
	return i
}

// pass lets go by what a path that was left behind has not taken.
func (h *handout) pass(s *share) {
	n := h.b.Len()
	if s.next == n {
		return
	}
	o := &s.c.out
	o.mu.Lock()
	defer o.mu.Unlock()
	for i, j := h.run(s.c, s.next); i < n; i, j = h.run(s.c, j) {
		o.dropped += uint64(j - i)
		h.mark(i, j, dropped)
	}
}

// await waits for room for message i of b, at most so long, and tells how long it took.
func (o *outbox) await(b *batch.Batch, i int, most time.Duration) time.Duration {
	began := now()
	t := time.AfterFunc(most, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.room.Broadcast()
	})
	defer t.Stop()
	o.mu.Lock()
	defer o.mu.Unlock()
	for !o.dead && !o.last && o.fits(b, i, i+1) == 0 && now()-began < most {
		o.waits++
		o.room.Wait()
		o.waits--
	}
	return now() - began
}

// fallBehind notes that nobody waits for this peer any more, or does again.
func (o *outbox) fallBehind(behind bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.behind = behind
}

func (o *outbox) isBehind() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.behind
}

// takes reports that messages for this peer are queued, or waited with.
func (o *outbox) takes() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.behind && !o.dead && !o.last
}
