package zmtp

import (
	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
)

// outcome is what has become of one message so far; of the outcomes at several peers
// the highest counts.
type outcome uint8

const (
	unwanted outcome = iota // no peer subscribes to it
	orphaned                // the peers that wanted it have left
	dropped                 // no room, and the outlet does not wait
	unsent                  // the outlet was closed while it waited
	sent
)

// freshOutcomes is n times unwanted, in the memory of old if it suffices.
func freshOutcomes(old []outcome, n int) []outcome {
	if cap(old) < n {
		return make([]outcome, n)
	}
	old = old[:n]
	clear(old)
	return old
}

// fanOut is one Send under way: it queues every message of a batch at each peer that
// subscribes to it, peer by peer, as runs of neighbouring messages. One goroutine uses
// it. The lock of a peer's send buffer guards that peer's subscriptions and queue, and
// is held for one peer at a time.
type fanOut struct {
	b        *batch.Batch
	wait     bool      // for room, rather than drop
	outcomes []outcome // of each message
	allSent  bool      // some peer has taken everything: outcomes no longer matter
	gone     int       // peers that had left when their turn came
}

// sendTo queues for one peer what it subscribes to, and writes it.
func (f *fanOut) sendTo(c *conn) {
	o := &c.out
	o.mu.Lock()
	if o.dead || o.closing {
		f.skipPeer(c)
		return
	}
	n := f.b.Len()
	if c.topics.All() {
		f.queueRun(c, 0, n)
	} else {
		for i, j := f.nextRun(c, 0); i < n; i, j = f.nextRun(c, j) {
			f.queueRun(c, i, j)
		}
	}
	c.flush()
}

// skipPeer passes over a peer that takes nothing any more, and releases its lock.
func (f *fanOut) skipPeer(c *conn) {
	o := &c.out
	if o.closing && !o.dead && f.wait {
		f.giveUpRest(c, 0)
	} else {
		f.gone++
	}
	o.mu.Unlock()
}

// nextRun finds the next run of messages [i, j), from at on, that c subscribes to.
func (f *fanOut) nextRun(c *conn, at int) (i, j int) {
	n := f.b.Len()
	for i = at; i < n && !c.topics.Match(topicOf(f.b, i)); i++ {
	}
	for j = i; j < n && (j == i || c.topics.Match(topicOf(f.b, j))); j++ {
	}
	return i, j
}

// topicOf is the body of the first frame of message i.
func topicOf(b *batch.Batch, i int) []byte { return topic(b, b.Start(i), b.Ends[i]) }

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

// queueRun queues the messages [i, j). Where there is no room it first writes what can
// be written at once, and then waits or drops, as the outlet does. The lock of the send
// buffer is held at the beginning and at the end.
func (f *fanOut) queueRun(c *conn, i, j int) {
	o := &c.out
	for i < j {
		i = f.queueWhatFits(c, i, j)
		switch {
		case i == j:
			return
		case o.dead || o.closing:
			f.giveUp(o, i, j)
			return
		case !f.wait:
			o.dropped += uint64(j - i)
			f.record(i, j, dropped)
			return
		}
		o.waitForRoom(func() bool { return o.fits(f.b, i, i+1) == 0 })
	}
}

// queueWhatFits queues the messages [i, j) as far as there is room, and reports how far
// that is. Where there is none it writes what can be written at once, and looks again.
// The lock of the send buffer is held at the beginning and at the end.
func (f *fanOut) queueWhatFits(c *conn, i, j int) int {
	o := &c.out
	n := f.b.Len()
	for flushed := false; i < j && !o.dead && !o.closing; {
		k := o.fits(f.b, i, j)
		if k == 0 {
			if flushed {
				break
			}
			flushed = true
			c.flush()
			o.mu.Lock()
			continue
		}
		bytes := f.b.Ends[i+k-1] - f.b.Start(i)
		o.add(f.b, i, i+k, bytes < sparseBytes && k < n || o.pins(f.b, bytes))
		if k == n {
			f.allSent = true
		} else {
			f.record(i, i+k, sent)
		}
		i, flushed = i+k, false
	}
	return i
}

// giveUp gives up on the messages [i, j), to which a peer subscribes that takes nothing any
// more. Without f.wait a closing peer is one that has left, as in skipPeer.
func (f *fanOut) giveUp(o *sendBuffer, i, j int) {
	if f.wait && !o.dead {
		f.record(i, j, unsent)
	} else {
		f.record(i, j, orphaned)
	}
}

// giveUpRest gives up on the messages from at on to which c subscribes. The subscriptions of
// a peer that is dead may be removed already: then it counts as subscribed to all.
func (f *fanOut) giveUpRest(c *conn, at int) {
	n := f.b.Len()
	if c.out.dead {
		f.giveUp(&c.out, at, n)
		return
	}
	for i, j := f.nextRun(c, at); i < n; i, j = f.nextRun(c, j) {
		f.giveUp(&c.out, i, j)
	}
}

func (f *fanOut) record(i, j int, what outcome) {
	for k := i; k < j; k++ {
		f.outcomes[k] = max(f.outcomes[k], what)
	}
}

// tally adds up the outcomes; peers is how many there were.
func (f *fanOut) tally(peers int) (t carrier.Tally) {
	if f.allSent {
		return carrier.Tally{Sent: f.b.Len(), SentBytes: int64(f.b.Ends[f.b.Len()-1])}
	}
	for i, what := range f.outcomes {
		switch what {
		case sent:
			t.Sent++
			t.SentBytes += int64(f.b.Ends[i] - f.b.Start(i))
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
	if f.gone == peers {
		t.NoPeer, t.Unwanted = t.NoPeer+t.Unwanted, 0
	}
	return t
}
