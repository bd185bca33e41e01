package zmtp

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"sync"
	"sync/atomic"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/latch"
	"github.com/hermes-zmq/hermes/internal/trie"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// What an outlet keeps of what it has queued for a peer, until the peer confirms it (confirm.go).
//
// Rules:
//  1. Every message of a durable topic that is queued for the peer is retained: its batch, or a copy
//     where that keeps much less memory alive.
//  2. What is retained when the connection ends waits for the next one to the same address whose peer
//     confirms, and is sent over that before anything newer, in order and with the mark of a cache:
//     receivers drop what they have had, by its number. At a bound address, where peers cannot be told
//     apart, the next peer that confirms gets what one former peer has left.
//  3. A peer of which the bounds are reached has no room (sendBuffer.fits), so Send waits.
//
// Locks: that of the send buffer guards its retained; retention.mu is taken under it, and is a leaf.

// retained is what one peer has not confirmed.
type retained struct {
	all    *retention
	topics trie.Set  // durable ones
	queue  spanQueue // the messages, in order
	runs   []retainedRun
	head   int // runs[:head] are confirmed
}

// retainedRun is neighbours in retained.queue that were neighbours on the connection. It is confirmed
// as a whole.
type retainedRun struct {
	last     uint64 // how many messages were queued for the connection, up to the last of the run
	messages int
	bytes    int
}

// retention is everything that an outlet retains.
type retention struct {
	bounds carrier.Retain // zero: nothing is retained
	id     [16]byte       // drawn at random, and never sent

	messages, bytes atomic.Int64 // retained now
	resent          atomic.Uint64
	confirmed       latch.Latch // woken when nothing is retained any more

	mu   sync.Mutex
	left map[string][]*retained // by connections that have ended, by address
}

func (n *retention) init(bounds carrier.Retain) {
	n.bounds, n.left = bounds, map[string][]*retained{}
	_, _ = rand.Read(n.id[:]) // it never fails
}

// name names the outlet and the address of a connection, as X-Hermes-Confirm does. From the name for one
// address that for another cannot be told.
func (n *retention) name(c *conn) string {
	sum := sha256.Sum256(append(n.id[:], c.at...))
	return hex.EncodeToString(sum[:maxOffice/2])
}

func (n *retention) on() bool { return n.bounds.Messages > 0 }

// newRetained is for a connection whose peer confirms the topics that begin with one of prefixes.
func (n *retention) newRetained(prefixes [][]byte) *retained {
	r := &retained{all: n}
	r.queue.maxMessages, r.queue.maxBytes = math.MaxInt32, math.MaxInt64 // full has the bounds
	for _, p := range prefixes {
		r.topics.Add(p)
	}
	return r
}

func (r *retained) full() bool {
	return r.queue.messages >= r.all.bounds.Messages || r.queue.bytes >= r.all.bounds.Bytes
}

// add retains those of the messages [i, j) of b whose topics are durable. before is how many messages
// were queued for the connection before them.
func (r *retained) add(b *batch.Batch, i, j int, before uint64) {
	for at := i; at < j; {
		for ; at < j && !r.topics.Match(topicOf(b, at)); at++ {
		}
		end := at
		for ; end < j && (end == at || r.topics.Match(topicOf(b, end))); end++ {
		}
		if end == at {
			return
		}
		bytes := b.Ends[end-1] - b.Start(at)
		r.queue.add(b, at, end, 2*bytes < b.Held())
		r.note(before+uint64(end-i), end-at, bytes)
		at = end
	}
}

// note notes a run that is in queue.
func (r *retained) note(last uint64, messages, bytes int) {
	r.runs = append(r.runs, retainedRun{last, messages, bytes})
	r.all.messages.Add(int64(messages))
	r.all.bytes.Add(int64(bytes))
}

// confirm forgets what was among the first n messages of the connection.
func (r *retained) confirm(n uint64) {
	messages, bytes := 0, 0
	for ; r.head < len(r.runs) && r.runs[r.head].last <= n; r.head++ {
		messages += r.runs[r.head].messages
		bytes += r.runs[r.head].bytes
	}
	if messages == 0 {
		return
	}
	r.queue.written(bytes)
	switch {
	case r.head == len(r.runs):
		r.runs, r.head = r.runs[:0], 0
	case r.head >= 256 && r.head > len(r.runs)/2:
		r.runs = r.runs[:copy(r.runs, r.runs[r.head:])]
		r.head = 0
	}
	r.all.forget(messages, bytes)
}

// behind is how many of the retained messages come after the first n of the connection.
func (r *retained) behind(n uint64) (messages int) {
	for k := len(r.runs) - 1; k >= r.head && r.runs[k].last > n; k-- {
		messages += int(min(uint64(r.runs[k].messages), r.runs[k].last-n))
	}
	return messages
}

// forget counts messages that are no longer retained.
func (n *retention) forget(messages, bytes int) {
	n.bytes.Add(-int64(bytes))
	if n.messages.Add(-int64(messages)) == 0 {
		n.confirmed.Wake()
	}
}

// discard forgets everything, and reports how many messages that was.
func (r *retained) discard() (messages int) {
	messages = r.queue.messages
	r.all.forget(messages, int(r.queue.bytes))
	r.queue.discard()
	r.runs, r.head = nil, 0
	return messages
}

// keep keeps what a connection has left. The caller holds the lock of its send buffer.
func (n *retention) keep(c *conn) {
	r := c.out.retained
	c.out.retained = nil
	if r == nil || r.queue.messages == 0 {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.left[c.at] = append(n.left[c.at], r)
}

// take takes what former connections to the address of c have left.
func (n *retention) take(c *conn) (left []*retained) {
	n.mu.Lock()
	defer n.mu.Unlock()
	left = n.left[c.at]
	if c.bound && len(left) > 1 {
		n.left[c.at] = left[1:]
		return left[:1]
	}
	delete(n.left, c.at)
	return left
}

// floods reports whether more is queued for a peer than it could make of what was retained and sent again to it a
// few times.
func (n *retention) floods(c *conn) bool { return c.out.bytes-3*n.bounds.Bytes > c.out.maxBytes }

// resend queues what was left by former connections, and retains it again. The bounds do not count. The
// caller holds the lock of the send buffer o.
func (r *retained) resend(o *sendBuffer, left []*retained) {
	for _, old := range left {
		for _, b := range old.marked() {
			n, bytes := b.Len(), b.Size()
			b.Retain()
			o.spanQueue.push(span{b, 0, bytes, 0, n})
			r.queue.push(span{b, 0, bytes, 0, n})
			r.note(o.sent+uint64(o.messages), n, bytes)
		}
		r.all.resent.Add(uint64(old.discard()))
	}
}

// marked copies the messages, with the mark of a cache.
func (r *retained) marked() (all []*batch.Batch) {
	var to *batch.Batch
	for _, s := range r.queue.spans[r.queue.head:] {
		start := s.off
		for _, end := range s.b.Ends[s.first:s.last] {
			if to == nil || to.Full() {
				to = batch.Get()
				all = append(all, to)
			}
			msg := s.b.Buf[start:end]
			if at, ok := wire.TimeAt(msg); ok {
				to.Buf = wire.AppendMarked(to.Buf, msg, at)
				to.EndMessage()
			} else {
				to.AppendMessage(msg)
			}
			start = end
		}
	}
	return all
}

var _ carrier.Retainer = (*outlet)(nil)

// Retention implements carrier.Retainer.
func (o *outlet) Retention() carrier.Retention {
	n := &o.retention
	r := carrier.Retention{Messages: n.messages.Load(), Bytes: n.bytes.Load(), Resent: n.resent.Load()}
	if r.Messages == 0 {
		return r
	}
	for _, c := range *o.peers.Load() {
		c.out.mu.Lock()
		r.Full = r.Full || c.out.retained != nil && c.out.retained.full()
		c.out.mu.Unlock()
	}
	return r
}

// Confirmed implements carrier.Retainer.
func (o *outlet) Confirmed() <-chan struct{} {
	woken := o.retention.confirmed.Opened() // before the look, so that no change is missed
	if o.retention.messages.Load() == 0 {
		return closedChannel
	}
	return woken
}

var closedChannel = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// GiveUp implements carrier.Retainer.
func (o *outlet) GiveUp() (messages int) {
	n := &o.retention
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, left := range n.left {
		for _, r := range left {
			messages += r.discard()
		}
	}
	clear(n.left)
	return messages
}
