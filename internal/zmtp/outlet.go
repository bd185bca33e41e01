package zmtp

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/trie"
)

// outlet is a PUB or XPUB.
type outlet struct {
	socket
	overflow      carrier.Overflow
	queueMessages atomic.Int64
	queueBytes    atomic.Int64
	patience      time.Duration
	replay        *replay // or nil, where nothing is kept for peers that come late

	path path

	wanted trie.Set // each prefix counted once for every peer that wants it; owned by events
	marks  sync.Pool
}

func openOutlet(cfg carrier.OutletConfig) (carrier.Outlet, error) {
	o := &outlet{
		overflow: cfg.Overflow,
		patience: cfg.StalledPathTimeout,
		marks:    sync.Pool{New: func() any { return new([]mark) }},
	}
	if cfg.Cache != nil {
		if cfg.Overflow != carrier.Drop {
			return nil, fmt.Errorf("%w: a cache at an outlet that waits", carrier.ErrUnsupported)
		}
		o.replay = &replay{cache: cfg.Cache}
	}
	o.Limit(cfg.QueueMessages, cfg.QueueBytes)
	if err := o.open(cfg.Config, o); err != nil {
		return nil, err
	}
	return o, nil
}

func (o *outlet) lending() bool { return false }

func (o *outlet) bounds() (int, int64) { return int(o.queueMessages.Load()), o.queueBytes.Load() }

// Limit changes what may wait for one peer; who has more keeps it.
func (o *outlet) Limit(messages int, bytes int64) {
	o.queueMessages.Store(int64(orDefault(messages, defaultQueueMessages)))
	o.queueBytes.Store(orDefault(bytes, defaultQueueBytes))
	if peers := o.peers.Load(); peers != nil {
		for _, c := range *peers {
			o.bind(c)
		}
	}
}

// bind holds a peer to the bounds.
func (o *outlet) bind(c *conn) {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	c.out.maxMessages, c.out.maxBytes = o.bounds()
	c.out.room.Broadcast()
}

func (o *outlet) accepts(kind string) bool { return kind == "SUB" || kind == "XSUB" }

// attach looks at the bounds once more: they may have changed since the peer came.
func (o *outlet) attach(c *conn) {
	o.bind(c)
	o.tellPath(c)
}

// receive reads subscriptions. Processing them may take long, and so may waiting for
// those of other peers: the connection is busy for that time, from its first byte on.
func (o *outlet) receive(c *conn, early []byte) error {
	u := upstream{
		limit:     o.cfg.Limits.SubscriptionBytes,
		subscribe: func(on bool, prefix []byte) error { return o.subscribe(c, on, prefix) },
		command:   c.command,
		buf:       early,
	}
	if err := u.took(0); err != nil {
		return err
	}
	for {
		c.listen()
		n, err := c.io.read(u.room, u.idle)
		if err != nil {
			return err
		}
		c.hear()
		c.busy.Store(true)
		if err := u.took(n); err != nil {
			return err
		}
	}
}

// subscribe notes that a peer wants a prefix, or does no longer. To ask for one
// twice is to ask once, and one CANCEL ends it. ZMTP 3.1 would have it counted, but
// libzmq sends every SUBSCRIBE and only the last CANCEL, and keeps a set as well.
func (o *outlet) subscribe(c *conn, on bool, prefix []byte) error {
	if on && o.replay != nil {
		o.replay.pause(c)
	}
	o.events.Lock()
	defer o.events.Unlock()
	changed, err := o.change(c, on, prefix)
	if err != nil || !changed {
		return err
	}
	if on {
		if o.wanted.Add(prefix) {
			o.tellTopic(c, carrier.Subscribed, prefix)
		}
	} else if last, _ := o.wanted.Remove(prefix); last {
		o.tellTopic(c, carrier.Unsubscribed, prefix)
	}
	return nil
}

func (o *outlet) tellTopic(c *conn, kind carrier.EventKind, prefix []byte) {
	if o.cfg.OnEvent != nil {
		o.tellLocked(carrier.Event{Kind: kind, Peer: c.id, Address: c.address, Prefix: append([]byte{}, prefix...)})
	}
}

// change is want, with what is kept of the topics that c does not have yet.
func (o *outlet) change(c *conn, on bool, prefix []byte) (changed bool, err error) {
	if !on || o.replay == nil {
		return c.want(on, prefix, nil)
	}
	return o.replay.join(c, prefix)
}

// want changes what c wants and reports whether it was a change. Where it is one
// more prefix, before is called first, with the lock of the outbox held.
func (c *conn) want(on bool, prefix []byte, before func()) (changed bool, err error) {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	if !on {
		_, changed = c.topics.Remove(prefix)
		return changed, nil
	}
	if c.topics.Count(prefix) > 0 {
		return false, nil
	}
	limits := &c.s.cfg.Limits
	if c.topics.Len() >= limits.Subscriptions {
		return false, fmt.Errorf("more than %d subscriptions", limits.Subscriptions)
	}
	if c.topics.Bytes()+len(prefix) > limits.SubscriptionBytes {
		return false, fmt.Errorf("subscriptions of more than %d bytes together", limits.SubscriptionBytes)
	}
	if before != nil {
		before()
	}
	return c.topics.Add(prefix), nil
}

// detach forgets what a peer wanted.
func (o *outlet) detach(c *conn) {
	c.topics.Each(func(prefix []byte, _ int) {
		if last, _ := o.wanted.Remove(prefix); last {
			o.tellTopic(c, carrier.Unsubscribed, prefix)
		}
	})
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	c.topics = trie.Set{}
}

// Send hands out every message of b to the peers that want it.
func (o *outlet) Send(b *batch.Batch) carrier.Tally {
	if o.replay != nil {
		o.replay.sends.RLock()
		defer o.replay.sends.RUnlock()
		o.replay.cache.Keep(b)
	}
	n := b.Len()
	peers := *o.peers.Load()
	switch {
	case n == 0:
		return carrier.Tally{}
	case o.closed.Load() && o.overflow == carrier.Wait:
		return carrier.Tally{Unsent: n}
	case o.closed.Load() || len(peers) == 0:
		return carrier.Tally{NoPeer: n}
	}
	marks := o.marks.Get().(*[]mark)
	defer o.marks.Put(marks)
	h := handout{b: b, wait: o.overflow == carrier.Wait, marks: clean(*marks, n)}
	*marks = h.marks
	if o.patience > 0 && len(peers) > 1 {
		h.giveAll(peers, o.patience)
		return h.tally(len(peers))
	}
	for _, c := range peers {
		h.give(c)
	}
	return h.tally(len(peers))
}

// Idle reports that there is one peer, for which nothing waits.
func (o *outlet) Idle() bool {
	peers := *o.peers.Load()
	return len(peers) == 1 && peers[0].out.idle()
}

// Peers lists the peers connected now.
func (o *outlet) Peers() []carrier.Peer {
	peers := *o.peers.Load()
	list := make([]carrier.Peer, 0, len(peers))
	for _, c := range peers {
		c.out.mu.Lock()
		subscriptions := c.topics.Len()
		c.out.mu.Unlock()
		list = append(list, c.about(subscriptions))
	}
	return list
}

// Close drains what is queued for at most linger and closes the socket.
func (o *outlet) Close(linger time.Duration) (unsent int) {
	o.close()
	for _, c := range *o.peers.Load() {
		c.out.finish()
	}
	o.end(linger)
	return int(o.unsent.Swap(0))
}
