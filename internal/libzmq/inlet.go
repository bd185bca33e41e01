//go:build cgo && !nolibzmq

package libzmq

import (
	"cmp"
	"errors"

	zmq "github.com/pebbe/zmq4"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/flow"
	"github.com/hermes-zmq/hermes/internal/trie"
)

// inletHWM is how many received messages libzmq may queue for one peer. It is low on
// purpose: unread messages should wait at the publisher, which counts them and stamps their
// time when they leave.
const inletHWM = 10_000

// maxDrained is how many batches an inlet that closes still delivers at most.
const maxDrained = 100

// inlet is the SUB side: a SUB, or an XSUB for a post office.
type inlet struct {
	*socket
	raw     bool // an XSUB, which sends subscriptions as messages
	deliver func(*batch.Batch)
	topics  trie.Set // guarded by socket.mu
}

func openInlet(cfg carrier.InletConfig) (*inlet, error) {
	in := &inlet{raw: cfg.Type == carrier.XSUB, deliver: cfg.Deliver}
	if cfg.DeliverFrom != nil {
		all := flow.New(0, "any of those of libzmq", false)
		in.deliver = func(b *batch.Batch) { cfg.DeliverFrom(all, b) }
	}
	typ := zmq.SUB
	if in.raw {
		typ = zmq.XSUB
	}
	hwm := cmp.Or(cfg.QueueMessages, inletHWM)
	var err error
	in.socket, err = openSocket(cfg.Config, typ, func(soc *zmq.Socket) error {
		return errors.Join(soc.SetRcvhwm(hwm), soc.SetSndhwm(0))
	})
	if err != nil {
		return nil, err
	}
	in.watch(in.turn)
	return in, nil
}

// turn delivers what has arrived, a batch at a time and without mu.
func (in *inlet) turn() bool {
	for {
		b := batch.Get()
		more, over := in.fill(b)
		if b.Len() > 0 {
			in.deliver(b)
		}
		b.Release()
		if over || !more {
			return over
		}
	}
}

// fill reads messages until the batch is full or there are none.
func (in *inlet) fill(b *batch.Batch) (more, over bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for !b.Full() {
		if in.closed {
			return false, true
		}
		if !in.read(b) {
			return false, false
		}
	}
	return true, false
}

// read appends one message. When libzmq returns the first frame it has the others.
func (in *inlet) read(b *batch.Batch) bool {
	for {
		body, err := in.soc.RecvBytes(zmq.DONTWAIT)
		if err != nil {
			b.Abandon()
			return false
		}
		more, err := in.soc.GetRcvmore()
		if err != nil {
			b.Abandon()
			return false
		}
		b.AppendFrame(body, more)
		if !more {
			return true
		}
	}
}

// Subscribe implements carrier.Inlet.
func (in *inlet) Subscribe(prefix []byte) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.closed {
		return carrier.ErrClosed
	}
	if !in.topics.Add(prefix) {
		return nil
	}
	if in.raw {
		return in.sendSubscription(1, prefix)
	}
	return in.soc.SetSubscribe(string(prefix))
}

// Unsubscribe implements carrier.Inlet.
func (in *inlet) Unsubscribe(prefix []byte) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.closed {
		return carrier.ErrClosed
	}
	if last, _ := in.topics.Remove(prefix); !last {
		return nil
	}
	if in.raw {
		return in.sendSubscription(0, prefix)
	}
	return in.soc.SetUnsubscribe(string(prefix))
}

// sendSubscription sends a subscription as a message, as an XSUB does. libzmq always takes
// it, because openInlet sets no bound for what waits for a publisher. The caller holds mu.
func (in *inlet) sendSubscription(first byte, prefix []byte) error {
	_, err := in.soc.SendBytes(append([]byte{first}, prefix...), zmq.DONTWAIT)
	in.watcher.wake()
	return err
}

// Close implements carrier.Inlet. A post office relays what has arrived before: its
// publishers have counted it as sent.
func (in *inlet) Close() {
	if in.shut() {
		if in.raw {
			in.drain()
		}
		in.dispose(0)
	}
}

// drain delivers what waits in the socket after shut, and no more than maxDrained batches
// where publishers go on sending.
func (in *inlet) drain() {
	for range maxDrained {
		b := batch.Get()
		in.mu.Lock()
		more := true
		for more && !b.Full() {
			more = in.read(b)
		}
		in.mu.Unlock()
		if b.Len() > 0 {
			in.deliver(b)
		}
		b.Release()
		if !more {
			return
		}
	}
}
