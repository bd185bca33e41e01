package libzmq

import (
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
	"github.com/hermes-zmq/hermes/internal/trie"
)

const (
	// chunk is how many messages are sent without giving up the lock, so that
	// subscriptions are read between them.
	chunk = 64
	// recheck bounds the wait for room: libzmq has no signal that surely means it.
	recheck = 50 * time.Millisecond
	// defaultHWM is what may wait for one peer. A post office must take a burst of
	// a million in its stride.
	defaultHWM = 1_000_000
)

// outlet is an XPUB. libzmq keeps a queue for every peer, whose bound is its
// high-water mark in messages; with Overflow Drop, libzmq drops beyond it without
// telling, so that such losses show only at receivers that read sequence trailers.
type outlet struct {
	*socket
	wait    bool
	sending sync.Mutex  // keeps the messages of one Send together and in order
	room    *sync.Cond  // on socket.mu: libzmq may have room again
	waits   atomic.Bool // a Send waits for room
	topics  trie.Set    // what peers have subscribed to; owned by socket.mu
}

func openOutlet(cfg carrier.OutletConfig) (*outlet, error) {
	o := &outlet{wait: cfg.Overflow == carrier.Wait}
	hwm := cfg.QueueMessages
	if hwm == 0 {
		hwm = defaultHWM
	}
	var err error
	// PUB and XPUB are the same to a peer, and only XPUB tells what is wanted.
	o.socket, err = openSocket(cfg.Config, zmq.XPUB, func(soc *zmq.Socket) error {
		return errors.Join(soc.SetSndhwm(hwm), soc.SetXpubNodrop(o.wait))
	})
	if err != nil {
		return nil, err
	}
	o.room = sync.NewCond(&o.mu)
	o.watch(o.turn)
	return o, nil
}

// turn reads what peers subscribe to.
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

// subscription notes what a peer wants. An XPUB passes on the first subscription
// to a prefix and the last cancellation; any other message is not ours.
func (o *outlet) subscription(msg []byte) (e carrier.Event) {
	if len(msg) == 0 || msg[0] > 1 {
		return e
	}
	prefix := msg[1:]
	switch {
	case msg[0] == 1:
		if o.topics.Add(prefix) {
			e = carrier.Event{Kind: carrier.Subscribed, Prefix: prefix}
		}
	default:
		if last, _ := o.topics.Remove(prefix); last {
			e = carrier.Event{Kind: carrier.Unsubscribed, Prefix: prefix}
		}
	}
	return e
}

// Send implements carrier.Outlet.
func (o *outlet) Send(b *batch.Batch) (t carrier.Tally) {
	o.sending.Lock()
	defer o.sending.Unlock()
	for i := 0; i < b.Len(); {
		i = o.sendChunk(b, i, &t)
	}
	return t
}

func (o *outlet) sendChunk(b *batch.Batch, from int, t *carrier.Tally) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	to := min(from+chunk, b.Len())
	for i := from; i < to; i++ {
		o.sendMessage(b.Message(i), t)
	}
	o.afterwards()
	return to
}

// afterwards hands the watcher what libzmq may have noticed during our calls.
func (o *outlet) afterwards() {
	if o.closed {
		return
	}
	if events, err := o.soc.GetEvents(); err == nil && events&zmq.POLLIN != 0 {
		o.poke()
	}
}

// sendMessage hands one message to libzmq, waiting for room where the outlet is
// to wait. Peers may come and go meanwhile. Once the first frame is taken the
// others have to follow.
func (o *outlet) sendMessage(msg []byte, t *carrier.Tally) {
	for rest := msg; ; o.waitForRoom() {
		begun := len(rest) < len(msg)
		switch {
		case o.closed:
			t.Unsent++
			return
		case begun:
		case o.alone():
			t.NoPeer++
			return
		case !o.topics.Match(batch.Topic(msg)):
			t.Unwanted++
			return
		}
		if rest = o.sendFrames(rest); len(rest) == 0 {
			t.Sent++
			t.SentBytes += int64(len(msg))
			return
		}
	}
}

// alone reports that there is no peer. The monitor may tell of one later than its
// subscriptions do.
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
	o.afterwards()
	o.waits.Store(true)
	defer o.waits.Store(false)
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

// Idle implements carrier.Outlet: libzmq writes in threads of its own.
func (o *outlet) Idle() bool { return false }

// Close implements carrier.Outlet. libzmq does not tell what it could not send.
func (o *outlet) Close(linger time.Duration) int {
	if o.shut() {
		o.sending.Lock()
		defer o.sending.Unlock()
		o.dispose(max(linger, 0))
	}
	return 0
}
