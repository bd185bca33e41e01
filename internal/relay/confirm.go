package relay

import (
	"sync"
	"time"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/flow"
	"github.com/hermes-zmq/hermes/internal/notify"
	"github.com/hermes-zmq/hermes/internal/safe"
)

// Storer is a Link that stores the messages of some topics, the durable ones. Publishers that can
// retain these until they are stored; they are confirmed then, and held back while there is no room.
//
// Positions count the messages that the link has taken, over all publishers.
type Storer interface {
	Link
	// Durable is what durable topics begin with; none: the link stores nothing. It never changes.
	Durable() [][]byte
	// AwaitRoom waits until there is room for what is durable in b, or EndWaits is called.
	AwaitRoom(b *batch.Batch)
	// EndWaits ends all waits of the present run.
	EndWaits()
	// SendRetained is Send for a batch of a publisher that retains: it takes all durable messages, whether there is
	// room or not, and reports whether there are any.
	SendRetained(b *batch.Batch, missed []bool) (messages int, bytes int64, durable bool)
	// Given is the position behind everything that was taken so far, and Stored behind everything of which a
	// kill of this process loses nothing.
	Given() uint64
	Stored() uint64
	// OnStored sets what is called when Stored has changed, by a goroutine that must not wait; nil: nothing.
	OnStored(f func())
}

// storerOf is the link as a Storer, or nil.
func storerOf(l Link) Storer {
	if s, ok := l.(Storer); ok && len(s.Durable()) > 0 {
		return s
	}
	return nil
}

// DurableOf is what the topics begin with that a link stores.
func DurableOf(l Link) [][]byte {
	if s := storerOf(l); s != nil {
		return s.Durable()
	}
	return nil
}

// confirmEvery is how long nothing is confirmed after a round, so that a confirmation is for many messages.
const confirmEvery = time.Millisecond

// confirmations is what is to be confirmed to publishers during one membership. mu guards peers, and is a
// leaf.
type confirmations struct {
	storer Storer
	to     carrier.Confirmer

	mu    sync.Mutex
	peers map[uint64]*unconfirmed

	some        chan struct{} // has an element when there may be something to confirm
	stop, ended chan struct{}
}

// unconfirmed is what a publisher has sent and is not confirmed: everything up to due, and more up to
// last. Both are needed, because last moves on while due waits.
type unconfirmed struct{ due, last mark }

// mark says that what a publisher has sent is stored when the storer has come to a position.
type mark struct{ received, position uint64 }

// newConfirmations is for a link that stores something; nil for others.
func (r *Relay) newConfirmations(l Link) *confirmations {
	storer := storerOf(l)
	if storer == nil {
		return nil
	}
	to, ok := r.inlet.(carrier.Confirmer)
	if !ok {
		r.cfg.OnEvent(notify.Event{Kind: "unconfirmed", Level: notify.Warning, Text: r.cfg.Who +
			": the engine libzmq does not confirm durable topics to publishers, who lose what is under way when this post office is killed; use the engine zmtp at the incoming side"})
		return nil
	}
	return &confirmations{storer: storer, to: to, peers: map[uint64]*unconfirmed{},
		some: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{})}
}

// begin begins to confirm. What publishers retain from now on comes to the link.
func (c *confirmations) begin() {
	if c == nil {
		return
	}
	c.storer.OnStored(c.wake)
	safe.Go(nil, c.run)
	c.to.AskToRetain(c.storer.Durable())
}

// end ends it. With retain publishers are not told.
func (c *confirmations) end(retain bool) {
	if c == nil {
		return
	}
	c.storer.EndWaits()
	c.storer.OnStored(nil)
	close(c.stop)
	<-c.ended
	if !retain {
		c.to.AskToRetain(nil)
	}
}

func (c *confirmations) wake() {
	select {
	case c.some <- struct{}{}:
	default:
	}
}

// run confirms, until end.
func (c *confirmations) run() {
	defer close(c.ended)
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-c.stop:
			return
		case <-c.some:
		}
		if due := c.take(c.storer.Stored()); len(due) > 0 {
			c.to.Confirm(due)
		}
		pause.Reset(confirmEvery)
		select {
		case <-c.stop:
			return
		case <-pause.C:
		}
	}
}

// note notes that everything that a publisher has sent so far is stored at a position.
func (c *confirmations) note(peer, received, position uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	u := c.peers[peer]
	if u == nil {
		u = new(unconfirmed)
		c.peers[peer] = u
	}
	if u.due.received == 0 {
		u.due = mark{received, position}
	} else {
		u.last = mark{received, position}
	}
	if c.storer.Stored() >= u.due.position {
		c.wake()
	}
}

// take takes what is to be confirmed, because everything before a position is stored.
func (c *confirmations) take(stored uint64) (due map[uint64]uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for peer, u := range c.peers {
		for u.due.received > 0 && u.due.position <= stored {
			if due == nil {
				due = map[uint64]uint64{}
			}
			due[peer] = u.due.received
			u.due, u.last = u.last, mark{}
		}
	}
	return due
}

// forget forgets a publisher that is gone.
func (c *confirmations) forget(peer uint64) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.peers, peer)
}

// awaitLink waits until it is known whether a link joins the relay: what publishers retain must not pass
// before it.
func (j *joint) awaitLink() *joined {
	<-j.settled.Opened()
	return j.now.Load()
}

// passRetained relays a batch of a publisher that retains, as soon as the link has room for it.
func (r *Relay) passRetained(s *flow.Source, b *batch.Batch) {
	n := r.joint.awaitLink()
	if n != nil && n.confirms != nil {
		n.confirms.storer.AwaitRoom(b)
	}
	if b.Len() > 0 {
		r.passReady(s, b)
	}
	if s.Cut && n != nil {
		n.settle(s)
	}
}

// sendLink gives a batch to the link, and notes what is to be confirmed.
func (n *joined) sendLink(s *flow.Source, b *batch.Batch, missed []bool) (messages int, bytes int64) {
	c := n.confirms
	if c == nil || !s.Retains.Load() {
		return n.link.Send(b, missed)
	}
	messages, bytes, durable := c.storer.SendRetained(b, missed)
	if durable {
		c.note(s.Peer, s.Received, c.storer.Given())
	}
	return messages, bytes
}

// settle notes what is to be confirmed of a batch of which a part, perhaps all, has not come to the link.
func (n *joined) settle(s *flow.Source) {
	if c := n.confirms; c != nil && s.Retains.Load() {
		c.note(s.Peer, s.Received, c.storer.Given())
	}
}
