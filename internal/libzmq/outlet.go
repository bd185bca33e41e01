//go:build cgo && !nolibzmq

package libzmq

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	zmq "github.com/pebbe/zmq4"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/flow"
	"github.com/hermes-zmq/hermes/internal/invariants"
	"github.com/hermes-zmq/hermes/internal/systemtopic"
	"github.com/hermes-zmq/hermes/internal/trie"
)

const (
	// sendRun is how many messages are sent without releasing mu, so that subscriptions
	// are read between the runs.
	sendRun = 64
	// recheck bounds the wait for room: libzmq signals room only sometimes.
	recheck = 50 * time.Millisecond
)

// The PUB side. libzmq keeps a queue for every peer, whose bound is its high-water mark in
// messages; with Overflow Drop, libzmq drops beyond it without reporting it, so that such
// losses show only at receivers that read sequence trailers. Overflow Auto is Drop, for libzmq
// does not tell whose queue is full. With Block, who is to wait for a queue that has had no room
// for StallTimeout waits no more: libzmq drops for it, until half of it is free.
//
// Locks: sending is taken before mu and held for a whole Send; mu is released every sendRun
// messages and while Send waits for room.

// outlet is an XPUB.
type outlet struct {
	*socket
	wait    bool                 // for room, rather than drop
	leaves  bool                 // leaves the end of a batch if nothing is subscribed to any more
	stall   func() time.Duration // how long for one queue, or nil: without end
	onHold  func(*flow.Source)   // see carrier.OutletConfig; may be nil
	onFree  func(*flow.Source)   // OnRelease there; may be nil
	sending invariants.Mutex     // keeps the messages of one Send together and in order
	room    *sync.Cond           // on mu: libzmq may have room again
	waiting atomic.Bool          // a Send waits for room
	source  *flow.Source         // the publisher whose batch is sent, or nil; guarded by sending
	stalled bool                 // a queue has had no room for too long; guarded by mu
	hurried bool                 // no Send is to wait any more; guarded by mu
	topics  trie.Set             // what peers subscribe to; guarded by mu
	wanted  int                  // how many prefixes of topics are not of system topics; guarded by mu
}

func openOutlet(cfg carrier.OutletConfig) (*outlet, error) {
	if cfg.Overflow == carrier.DropOld || cfg.Overflow == carrier.LatestPerTopic {
		return nil, fmt.Errorf("%w: libzmq drops what is new only", carrier.ErrUnsupported)
	}
	o := &outlet{wait: cfg.Overflow == carrier.Wait || cfg.Overflow == carrier.Block, leaves: cfg.Overflow == carrier.Wait,
		onHold: cfg.OnHold, onFree: cfg.OnRelease}
	if cfg.Overflow == carrier.Block {
		o.stall = cfg.StallTimeout
	}
	hwm := min(cmp.Or(cfg.QueueMessages, carrier.DefaultQueueMessages), math.MaxInt32)
	var err error
	// PUB and XPUB are the same to a peer, and only XPUB tells what is wanted.
	o.socket, err = openSocket(cfg.Config, zmq.XPUB, func(soc *zmq.Socket) error {
		return errors.Join(soc.SetSndhwm(hwm), soc.SetXpubNodrop(o.wait), soc.SetXpubManual(1))
	})
	if err != nil {
		return nil, err
	}
	o.sending.Rank(lockFamily, rankSending)
	o.room = sync.NewCond(&o.mu)
	o.watch(o.turn)
	return o, nil
}

// turn reads the subscriptions of peers.
func (o *outlet) turn() bool {
	for {
		o.mu.Lock()
		o.room.Broadcast()
		if o.closed {
			o.mu.Unlock()
			return true
		}
		msg, err := o.soc.RecvBytes(zmq.DONTWAIT)
		var e carrier.Event
		if err == nil {
			e = o.subscription(msg)
		}
		o.mu.Unlock()
		if err != nil {
			return false
		}
		if e.Kind != 0 {
			o.emit(e)
		}
	}
}

// subscription notes a subscription of a peer, and lets libzmq note it too (ZMQ_XPUB_MANUAL):
// what topics has is what libzmq sends. Otherwise libzmq might note a cancellation within a call
// that sends, and drop a message that counts as sent. Events tell the first subscription to a
// prefix and the last cancellation; other messages are ignored. The caller holds mu.
func (o *outlet) subscription(msg []byte) (e carrier.Event) {
	if len(msg) == 0 || msg[0] > 1 {
		return e
	}
	prefix := msg[1:]
	switch {
	case msg[0] == 1:
		_ = o.soc.SetSubscribe(string(prefix))
		if o.topics.Add(prefix) {
			o.count(prefix, 1)
			e = carrier.Event{Kind: carrier.Subscribed, Prefix: prefix}
		}
	default:
		_ = o.soc.SetUnsubscribe(string(prefix))
		if last, _ := o.topics.Remove(prefix); last {
			o.count(prefix, -1)
			e = carrier.Event{Kind: carrier.Unsubscribed, Prefix: prefix}
		}
	}
	return e
}

// Send implements carrier.Outlet.
func (o *outlet) Send(b *batch.Batch) (t carrier.Tally) {
	return o.SendFrom(nil, b)
}

// SendFrom implements carrier.Throttler.
func (o *outlet) SendFrom(s *flow.Source, b *batch.Batch) (t carrier.Tally) {
	return o.SendNoting(s, b, nil)
}

// SendNoting implements carrier.MissNoter.
func (o *outlet) SendNoting(s *flow.Source, b *batch.Batch, missed []bool) (t carrier.Tally) {
	o.sending.Lock()
	defer o.sending.Unlock()
	o.source = s
	defer o.release(s) // even if libzmq panics
	for i := 0; i < b.Len()-t.Left; {
		i = o.sendRunOf(b, i, &t, missed)
	}
	return t
}

// release ends the wait of a publisher, if it is held back.
func (o *outlet) release(s *flow.Source) {
	if s != nil && s.End(flow.Now()) && o.onFree != nil {
		o.onFree(s)
	}
}

// EndWaits implements carrier.Throttler.
func (o *outlet) EndWaits() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.hurried = true
	o.room.Broadcast()
}

func (o *outlet) sendRunOf(b *batch.Batch, from int, t *carrier.Tally, missed []bool) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	to := min(from+sendRun, b.Len())
	for i := from; i < to && t.Left == 0; i++ {
		before := t.Unwanted + t.NoPeer
		if o.sendMessage(b.Message(i), t); t.Left > 0 {
			t.Left = b.Len() - i
			if o.alone() {
				t.Orphaned = t.Left
			}
		}
		if missed != nil {
			missed[i] = t.Unwanted+t.NoPeer > before
		}
	}
	o.wakeWatcher()
	return to
}

// wakeWatcher wakes the watcher if libzmq has received something during our calls. The
// caller holds mu.
func (o *outlet) wakeWatcher() {
	if o.closed {
		return
	}
	if events, err := o.soc.GetEvents(); err == nil && events&zmq.POLLIN != 0 {
		o.watcher.wake()
	}
}

// sendMessage gives one message to libzmq, and waits for room if the outlet waits. Peers may
// come and go meanwhile. When libzmq has taken the first frame it must be given the others.
func (o *outlet) sendMessage(msg []byte, t *carrier.Tally) {
	began := flow.Now()
	for rest := msg; ; o.waitForRoom() {
		begun := len(rest) < len(msg)
		switch {
		case o.closed && o.wait:
			t.Unsent++
			return
		case o.closed:
			t.NoPeer++
			return
		case begun:
		case o.leaves && o.wanted == 0:
			t.Left++
			return
		case o.alone():
			t.NoPeer++
			return
		case !o.wants(batch.Topic(msg)):
			t.Unwanted++
			return
		}
		if rest = o.sendFrames(rest); len(rest) > 0 && (o.givesUp(began) || o.stall != nil && o.isSystem(batch.Topic(msg))) {
			rest = o.sendLossy(rest)
		} else if len(rest) == 0 {
			o.stalled = false
		}
		if len(rest) == 0 {
			t.Sent++
			t.SentBytes += int64(len(msg))
			return
		}
	}
}

// wants reports whether a topic is sent. libzmq matches by itself, and does not know of system topics: they are
// sent only while no peer subscribes to a prefix of all topics, since it would get them too. The caller holds mu.
func (o *outlet) wants(topic []byte) bool {
	n, ok := o.topics.Shortest(topic)
	return ok && (n >= len(systemtopic.Sign) || !o.isSystem(topic))
}

// count counts a prefix, unless it is of system topics.
func (o *outlet) count(prefix []byte, n int) {
	if !o.isSystem(prefix) {
		o.wanted += n
	}
}

func (o *outlet) isSystem(topic []byte) bool {
	s := o.cfg.System
	return s != "" && len(topic) >= len(s) && string(topic[:len(s)]) == s
}

// givesUp reports whether what has had no room since began is not to wait for it any longer. The
// caller holds mu.
func (o *outlet) givesUp(began time.Duration) bool {
	if o.stall == nil {
		return false
	}
	o.stalled = o.stalled || o.hurried || flow.Now()-began >= o.stall()
	return o.stalled
}

// sendLossy sends to those that have room; libzmq drops for the others.
func (o *outlet) sendLossy(msg []byte) (rest []byte) {
	if err := o.soc.SetXpubNodrop(false); err != nil {
		return msg
	}
	defer func() { _ = o.soc.SetXpubNodrop(true) }()
	return o.sendFrames(msg)
}

// alone reports that there is no peer. Subscriptions of a peer may arrive before the
// monitor's event.
func (o *outlet) alone() bool { return o.topics.Len() == 0 && o.monitor.count() == 0 }

// sendFrames sends what libzmq has room for and returns the rest.
func (o *outlet) sendFrames(msg []byte) []byte {
	for len(msg) > 0 {
		body, rest, more, ok := batch.NextFrame(msg)
		if !ok {
			panic("libzmq: a batch that is not framed")
		}
		flags := zmq.DONTWAIT
		if more {
			flags |= zmq.SNDMORE
		}
		if _, err := o.soc.SendBytes(body, flags); system(err) == syscall.EAGAIN {
			return msg
		} else if err != nil {
			panic(fmt.Sprintf("libzmq: cannot send: %v", err))
		}
		msg = rest
	}
	return nil
}

func (o *outlet) waitForRoom() {
	if s := o.source; s != nil && s.Begin(0, flow.Now()) && o.onHold != nil {
		o.onHold(s)
	}
	o.wakeWatcher()
	o.waiting.Store(true)
	defer o.waiting.Store(false)
	timer := time.AfterFunc(recheck, o.room.Broadcast)
	o.room.Wait()
	timer.Stop()
}

// Limit implements carrier.Outlet. libzmq has no bound in bytes, and takes another in
// messages for peers to come.
func (o *outlet) Limit(messages int, _ int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.closed {
		_ = o.soc.SetSndhwm(min(messages, math.MaxInt32))
	}
}

// Idle implements carrier.Outlet: libzmq writes in its own threads.
func (o *outlet) Idle() bool { return false }

// Close implements carrier.Outlet. libzmq does not report what it could not send.
func (o *outlet) Close(linger time.Duration) int {
	if o.shut() {
		o.sending.Lock()
		defer o.sending.Unlock()
		o.dispose(max(linger, 0))
	}
	return 0
}
