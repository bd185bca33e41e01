package zmtp

import (
	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
)

// mark is what has become of one message so far; of several peers' marks the
// highest counts.
type mark uint8

const (
	unwanted mark = iota
	orphaned
	dropped
	unsent
	sent
)

// clean is n fresh marks, in the memory of old if it suffices.
func clean(old []mark, n int) []mark {
	if cap(old) < n {
		return make([]mark, n)
	}
	old = old[:n]
	clear(old)
	return old
}

// handout is one Send under way.
type handout struct {
	b       *batch.Batch
	wait    bool // for room, rather than drop
	marks   []mark
	allSent bool // some peer has taken everything: marks no longer matter
	gone    int  // peers that had left when their turn came
}

// give queues for one peer what it wants of the batch, and writes it.
func (h *handout) give(c *conn) {
	o := &c.out
	o.mu.Lock()
	if o.dead || o.last {
		h.giveNone(o)
		return
	}
	n := h.b.Len()
	if c.topics.All() {
		h.giveRun(c, 0, n, n)
	} else {
		for i, j := h.run(c, 0); i < n; i, j = h.run(c, j) {
			h.giveRun(c, i, j, n)
		}
	}
	c.kick()
}

// giveNone passes over a peer that takes nothing any more, and gives up its lock.
func (h *handout) giveNone(o *outbox) {
	if o.last && !o.dead && h.wait {
		h.mark(0, h.b.Len(), unsent)
	} else {
		h.gone++
	}
	o.mu.Unlock()
}

// run finds the next run of messages [i, j) from at on that c wants.
func (h *handout) run(c *conn, at int) (i, j int) {
	n := h.b.Len()
	for i = at; i < n && !c.topics.Match(topicOf(h.b, i)); i++ {
	}
	for j = i; j < n && (j == i || c.topics.Match(topicOf(h.b, j))); j++ {
	}
	return i, j
}

// topicOf is the body of the first frame of message i.
func topicOf(b *batch.Batch, i int) []byte {
	start := 0
	if i > 0 {
		start = b.Ends[i-1]
	}
	return topic(b, start, b.Ends[i])
}

// topic is the body of the first frame of the message at [start, end).
func topic(b *batch.Batch, start, end int) []byte {
	msg := b.Buf[start:end]
	if len(msg) >= shortHeader && msg[0]&batch.FlagLong == 0 {
		if end := shortHeader + int(msg[1]); end <= len(msg) {
			return msg[shortHeader:end]
		}
	}
	return batch.Topic(msg)
}

// giveRun queues the messages [i, j), of a batch of n. Where there is no room it
// first writes what can be written at once, and then waits or drops, as is the rule.
// The lock of the outbox is held at the beginning and at the end.
func (h *handout) giveRun(c *conn, i, j, n int) {
	o := &c.out
	whole := j-i == n
	for tried := false; i < j; {
		if o.dead || o.last {
			h.leave(o, i, j)
			return
		}
		k := o.fits(h.b, i, j)
		switch {
		case k > 0:
			bytes := h.b.Ends[i+k-1] - h.b.Start(i)
			o.add(h.b, i, i+k, bytes < sparseBytes && !whole || o.pins(h.b, bytes))
			if k == n {
				h.allSent = true
				return
			}
			h.mark(i, i+k, sent)
			i, tried = i+k, false
		case !tried:
			tried = true
			c.kick()
			o.mu.Lock()
		case h.wait:
			o.waits++
			o.room.Wait()
			o.waits--
		default:
			o.dropped += uint64(j - i)
			h.mark(i, j, dropped)
			return
		}
	}
}

// leave gives up on the messages [i, j) for a peer that takes nothing any more.
func (h *handout) leave(o *outbox, i, j int) {
	switch {
	case o.dead:
		h.mark(i, j, orphaned)
	case h.wait:
		h.mark(i, j, unsent)
	}
}

func (h *handout) mark(i, j int, m mark) {
	for k := i; k < j; k++ {
		h.marks[k] = max(h.marks[k], m)
	}
}

// tally adds up what has become of the messages; peers is how many were asked.
func (h *handout) tally(peers int) (t carrier.Tally) {
	if h.allSent {
		return carrier.Tally{Sent: h.b.Len(), SentBytes: int64(h.b.Ends[h.b.Len()-1])}
	}
	for i, m := range h.marks {
		switch m {
		case sent:
			t.Sent++
			t.SentBytes += int64(h.b.Ends[i] - h.b.Start(i))
		case dropped:
			t.Dropped++
		case unsent:
			t.Unsent++
		case orphaned:
			t.NoPeer++
		default:
			t.Unwanted++
		}
	}
	if h.gone == peers {
		t.NoPeer, t.Unwanted = t.NoPeer+t.Unwanted, 0
	}
	return t
}
