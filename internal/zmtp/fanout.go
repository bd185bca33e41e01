package zmtp

import (
	"time"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/flow"
)

// outcome is what has become of one message so far. Of its outcomes at several peers the
// highest counts.
type outcome uint8

const (
	unwanted outcome = iota // no peer tried so far subscribes to it
	orphaned                // a peer that subscribed to it has left
	dropped                 // no room, and Send neither waits nor makes room: overflow Drop, or a stalled path
	unsent                  // the outlet, which waits for room, was closed first
	sent                    // queued
)

// freshOutcomes returns n times unwanted, in the memory of old if that suffices.
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
	wait     bool      // wait for room, rather than drop
	outcomes []outcome // of each message
	allSent  bool      // one peer has taken everything: outcomes no longer matter
	gone     int       // peers that had left before they were tried
	system   system    // whether there are messages of system topics; see hasSystem
	missed   []bool    // nil, or where to note the messages that go to no peer, see carrier.MissNoter

	source   *flow.Source  // the publisher, where it may be held back; see throttle.go
	throttle *throttle     // nil without source
	now      time.Duration // when the batch was delivered, on the clock of package flow
	hasTurn  bool          // holds throttle.turn
	gated    bool          // holds outlet.sends for reading: a subscription may wait for the end of this Send
}

// sendTo queues for one peer the messages to which it subscribes, and flushes its send buffer.
func (f *fanOut) sendTo(c *conn) {
	o := &c.out
	o.mu.Lock()
	if o.dead || o.closing {
		f.skipPeer(c)
		return
	}
	n := f.b.Len()
	i, j := 0, n
	if system := f.hasSystem(c); !system && c.s.cfg.System != "" && c.subscribed.Load() == 0 {
		i = n // it wants nothing but system topics, if anything
	} else if system || !c.topics.All() || c.restricted() {
		i, j = f.nextRun(c, 0)
	}
	for follows := f.source == nil; i < n; i, j = f.nextRun(c, j) {
		if !follows && !f.isSystem(c, i) {
			follows = true
			f.source.Follow(c.id, f.now)
		}
		c.out.mixed = c.out.mixed || f.isSystem(c, i)
		f.queueRun(c, i, j)
	}
	c.flush()
}

// system is what is known of the messages of a batch.
type system uint8

const (
	unknownYet system = iota
	noneSystem
	someSystem
)

// hasSystem reports whether there are messages of system topics in the batch. It looks once.
func (f *fanOut) hasSystem(c *conn) bool {
	if f.system == unknownYet {
		f.system = noneSystem
		sign := c.s.cfg.System
		for i, n := 0, f.b.Len(); sign != "" && i < n; i++ {
			if t := topicOf(f.b, i); len(t) >= len(sign) && string(t[:len(sign)]) == sign {
				f.system = someSystem
				break
			}
		}
	}
	return f.system == someSystem
}

// isSystem reports whether message i is of a system topic. No one waits for a peer that does not take
// those: they come at a pace of their own, and state of which the newest counts is not worth holding
// up what publishers send.
func (f *fanOut) isSystem(c *conn, i int) bool {
	return f.hasSystem(c) && c.isSystem(topicOf(f.b, i))
}

// skipPeer records that a peer is closing or dead. The caller holds c.out.mu, which skipPeer
// releases.
func (f *fanOut) skipPeer(c *conn) {
	o := &c.out
	if o.closing && !o.dead && f.wait {
		f.giveUpRest(c, 0)
	} else {
		f.gone++
	}
	o.mu.Unlock()
}

// nextRun returns the next run of messages [i, j), from at on, to which c subscribes; i is the
// number of messages if there is none. All messages of a run are of system topics, or none is. The caller holds c.out.mu.
func (f *fanOut) nextRun(c *conn, at int) (i, j int) {
	n := f.b.Len()
	for i = at; i < n && !c.wants(topicOf(f.b, i)); i++ {
	}
	for j = i; j < n && (j == i || c.wants(topicOf(f.b, j)) && (f.system != someSystem || f.isSystem(c, i) == f.isSystem(c, j))); j++ {
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

// queueRun queues the messages [i, j). If there is no room, it writes what can be written
// without blocking, and then waits or drops, as the outlet does. The caller holds c.out.mu,
// which is released while writing and waiting, and held again on return.
func (f *fanOut) queueRun(c *conn, i, j int) {
	o := &c.out
	if o.backlog != nil {
		f.queueAll(c, i, j)
		return
	}
	for i < j {
		i = f.queueWhatFits(c, i, j)
		switch {
		case i == j:
			return
		case o.dead || o.closing:
			f.giveUp(o, i, j)
			return
		case f.wait && !(f.isSystem(c, i) && c.onlySystem()):
			o.waitWhile(func() bool { return o.fits(f.b, i, i+1) == 0 })
		case f.throttle == nil || f.isSystem(c, i) || !f.throttle.holdFull(f, c, i):
			o.dropped += uint64(j - i)
			f.record(i, j, dropped)
			return
		}
	}
}

// queueAll is queueRun for a peer in whose queue room can be made: if there is no room, it
// writes what can be written without blocking, and then removes older messages.
func (f *fanOut) queueAll(c *conn, i, j int) {
	o := &c.out
	for flushed := false; i < j; {
		if o.dead || o.closing {
			f.giveUp(o, i, j)
			return
		}
		next := o.addToBacklog(f.b, i, j, flushed)
		if next-i == f.b.Len() {
			f.allSent = true
		} else {
			f.record(i, next, sent)
		}
		if flushed = next == i; flushed {
			c.flush()
			o.mu.Lock()
		}
		i = next
	}
}

// queueWhatFits queues the messages [i, j) as far as there is room, and returns the first that
// is not queued. If there is no room, it writes what can be written without blocking, and
// tries again. The caller holds c.out.mu, which is released while writing, and held again on
// return.
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
		o.noteLevel()
		if o.retained != nil {
			o.retained.add(f.b, i, i+k, o.sent+uint64(o.messages-k))
		}
		if k == n {
			f.allSent = true
		} else {
			f.record(i, i+k, sent)
		}
		i, flushed = i+k, false
	}
	return i
}

// giveUp records the messages [i, j), to which the peer of o subscribes, as not taken, because
// it is closing or dead. If f.wait is false, a closing peer counts as one that has left, as
// in skipPeer.
func (f *fanOut) giveUp(o *sendBuffer, i, j int) {
	if f.wait && !o.dead {
		f.record(i, j, unsent)
	} else {
		f.record(i, j, orphaned)
	}
}

// giveUpRest is giveUp for the messages from at on to which c subscribes. The subscriptions of
// a dead peer may be removed already, so it counts as subscribed to all. The caller holds
// c.out.mu.
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

// tally adds up the outcomes; peers is the number of peers of this Send.
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
		if f.missed != nil {
			f.missed[i] = what <= orphaned
		}
	}
	if f.gone == peers {
		t.NoPeer, t.Unwanted = t.NoPeer+t.Unwanted, 0
	}
	return t
}

// untaken counts the last messages of the batch that have gone to no peer.
func (f *fanOut) untaken() (n int) {
	for i := len(f.outcomes); i > 0 && f.outcomes[i-1] <= orphaned; i-- {
		n++
	}
	return n
}
