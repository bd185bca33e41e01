package zmtp

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/invariants"
	"github.com/hermes-zmq/hermes/internal/trie"
)

// The PUB side. Send takes a batch to the send buffers of the peers; the goroutine of
// each connection reads the peer's subscriptions.
//
//	subscription: socket → subscriptionReader → subscribe → conn.topics, wanted → OnEvent
//	batch:        Send → fanOut or failover → conn.out (sendBuffer) → socket
//
// What guards what: events guards wanted, and makes the order of the Subscribed and
// Unsubscribed events that of the changes; the lock of a peer's send buffer guards its
// conn.topics. Send takes neither events nor the socket's mu: it reads peers atomically.

// outlet is a PUB or XPUB socket.
type outlet struct {
	socket
	overflow       carrier.Overflow
	queueMessages  atomic.Int64 // bounds of each peer's queue, for peers to come
	queueBytes     atomic.Int64
	removals       removals
	stalledTimeout time.Duration    // 0: the peers are not redundant paths, see failover.go
	replay         *lastValueReplay // nil without a cache
	history        historyReplay
	retention      retention
	sends          invariants.RWMutex // taken after events, before the lock of a send buffer; see lastvaluereplay.go
	throttle       *throttle          // nil if publishers are never held back

	route route

	byOffice bool      // see carrier.OutletConfig
	wanted   trie.Set  // how many peers subscribe to each prefix, but those that byOffice reports; guarded by events
	outcomes sync.Pool // of *[]outcome
}

var (
	_ carrier.RouteAnnouncer = (*outlet)(nil)
	_ carrier.Remover        = (*outlet)(nil)
	_ carrier.HistoryServer  = (*outlet)(nil)
)

func openOutlet(cfg carrier.OutletConfig) (carrier.Outlet, error) {
	o := &outlet{
		overflow:       cfg.Overflow,
		stalledTimeout: cfg.StalledPathTimeout,
		byOffice:       cfg.ByOffice,
		outcomes:       sync.Pool{New: func() any { return new([]outcome) }},
	}
	o.route.mu.Rank(lockFamily, rankRoute)
	o.sends.Rank(lockFamily, rankSends)
	if cfg.Overflow == carrier.Wait && (cfg.Cache != nil || cfg.History != nil) {
		return nil, fmt.Errorf("%w: a cache or a history at an outlet that waits", carrier.ErrUnsupported)
	}
	if cfg.Overflow != carrier.Wait && cfg.Retain != (carrier.Retain{}) {
		return nil, fmt.Errorf("%w: an outlet that retains and does not wait", carrier.ErrUnsupported)
	}
	o.retention.init(cfg.Retain)
	o.history.init(o, cfg.History)
	if cfg.Cache != nil {
		o.replay = &lastValueReplay{cache: cfg.Cache, sends: &o.sends}
		o.replay.turn.Rank(lockFamily, rankReplayTurn)
	}
	if cfg.Overflow == carrier.Block || cfg.Overflow == carrier.Auto {
		o.throttle = newThrottle(o, &cfg)
	}
	o.Limit(cfg.QueueMessages, cfg.QueueBytes)
	if err := o.open(cfg.Config, o); err != nil {
		return nil, err
	}
	return o, nil
}

// leasesReader implements role.
func (o *outlet) leasesReader() bool { return false }

// bounds implements role.
func (o *outlet) bounds() (int, int64) { return int(o.queueMessages.Load()), o.queueBytes.Load() }

// newBacklog implements role.
func (o *outlet) newBacklog() *backlog { return newBacklog(o.overflow, &o.removals) }

// accepts implements role.
func (o *outlet) accepts(peerType string) bool { return peerType == "SUB" || peerType == "XSUB" }

// attach implements role. It sets the bounds once more: they may have changed since the
// connection was made.
func (o *outlet) attach(c *conn) {
	if o.throttle != nil {
		c.out.reportTo(&o.throttle.level)
	}
	c.out.setBounds(o.bounds())
	o.history.checkOffered(c)
	o.route.tell(c)
}

// receive implements role: it reads subscriptions. Processing them may take long, and so
// may waiting for those of other peers: the connection is busy for that time, from its
// first byte on.
func (o *outlet) receive(c *conn, early []byte) error {
	sub := subscriptionReader{
		limit:     o.cfg.Limits.SubscriptionBytes,
		subscribe: func(on bool, prefix []byte) error { return o.subscribe(c, on, prefix) },
		command:   func(name string, data []byte) (bool, error) { return o.command(c, name, data) },
	}
	r, err := c.decrypted(&sub, uint64(sub.limit)+maxCommand, early)
	if err != nil {
		return err
	}
	room, idle := r.room, r.idle // made once: each would be an allocation
	read := c.io.read
	if c.out.within != nil {
		read = c.readWithin
	}
	for {
		c.readingAgain()
		n, err := read(room, idle)
		if err != nil {
			return err
		}
		c.hear()
		c.busy.Store(true)
		if err := r.consume(n); err != nil {
			return err
		}
	}
}

// subscribe notes that a peer subscribes to a prefix, or does no longer. Subscribing
// twice counts once, and one CANCEL ends it. ZMTP 3.1 would have it counted, but libzmq
// sends every SUBSCRIBE and only the last CANCEL, and keeps a set as well.
func (o *outlet) subscribe(c *conn, on bool, prefix []byte) error {
	if on && o.replay != nil {
		o.replay.pause(c)
	}
	o.events.Lock()
	defer o.events.Unlock()
	if own := c.aborted.Load(); own != nil { // much may have been read before
		return *own
	}
	if c.narrowed != nil {
		return o.subscribeNarrowed(c, on, prefix)
	}
	return o.change(c, on, prefix)
}

// change adds a prefix to what a peer is sent, or removes it. The caller holds events.
func (o *outlet) change(c *conn, on bool, prefix []byte) error {
	changed, err := o.changeTopics(c, on, prefix)
	if err != nil || !changed {
		return err
	}
	if on {
		if o.throttle != nil {
			o.throttle.level.changed.Wake() // a publisher that waits may have one more follower
		}
	}
	o.count(c, on, prefix)
	return nil
}

// count reports that a peer subscribes to a prefix or does no longer, if it is the first or last one, or
// counts by itself. The caller holds events.
func (o *outlet) count(c *conn, on bool, prefix []byte) {
	changed := true
	if !o.byOffice || c.peer.office == "" {
		if on {
			changed = o.wanted.Add(prefix)
		} else {
			changed, _ = o.wanted.Remove(prefix)
		}
	}
	switch {
	case changed && on:
		o.emitTopic(c, carrier.Subscribed, prefix)
	case changed:
		o.emitTopic(c, carrier.Unsubscribed, prefix)
	}
}

func (o *outlet) changeTopics(c *conn, on bool, prefix []byte) (changed bool, err error) {
	switch {
	case on && c.catchUp != nil && c.catchUp.source.Covers(prefix):
		return o.history.subscribe(c, prefix)
	case on && c.catchUp != nil:
		c.catchUp.uncovered(prefix)
	}
	if on && o.replay != nil {
		return o.replay.subscribe(c, prefix)
	}
	return c.changeTopics(on, prefix, nil)
}

// emitTopic reports that a prefix was gained or lost. The caller holds events.
func (o *outlet) emitTopic(c *conn, kind carrier.EventKind, prefix []byte) {
	if o.cfg.OnEvent != nil {
		e := carrier.Event{Kind: kind, Peer: c.id, Address: c.address, Prefix: append([]byte{}, prefix...)}
		if o.byOffice {
			e.Office = c.peer.office
		}
		o.emitLocked(e)
	}
}

// detach implements role: it removes the subscriptions of a peer. The caller holds events.
func (o *outlet) detach(c *conn) {
	c.eachTopic(func(prefix []byte) { o.count(c, false, prefix) })
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	o.retention.keep(c)
	c.topics = trie.Set{}
	if c.catchUp != nil {
		c.catchUp.end()
	}
}

// Send implements carrier.Outlet.
func (o *outlet) Send(b *batch.Batch) carrier.Tally { return o.send(&fanOut{b: b}) }

// send sends the batch of f.
func (o *outlet) send(f *fanOut) carrier.Tally {
	b := f.b
	if h := o.history.now(); h != nil || o.replay != nil {
		f.gated = true
		o.sends.RLock()
		defer o.sends.RUnlock()
		if o.replay != nil {
			o.replay.cache.Keep(b)
		}
		if h != nil {
			o.history.recent.add(b, h)
		}
	}
	n := b.Len()
	peers := *o.peers.Load()
	switch {
	case n == 0:
		return carrier.Tally{}
	case o.closed.Load() && o.overflow == carrier.Wait:
		return carrier.Tally{Unsent: n}
	case len(peers) == 0 && o.overflow == carrier.Wait:
		return carrier.Tally{Left: n, Orphaned: n}
	case o.closed.Load() || len(peers) == 0:
		for i := range f.missed {
			f.missed[i] = true
		}
		return carrier.Tally{NoPeer: n}
	}
	outcomes := o.outcomes.Get().(*[]outcome)
	defer o.outcomes.Put(outcomes)
	*outcomes = freshOutcomes(*outcomes, n)
	f.wait, f.outcomes = o.overflow == carrier.Wait, *outcomes
	if o.stalledTimeout > 0 && len(peers) > 1 {
		paths := failover{f, o.stalledTimeout}
		paths.sendAll(peers)
	} else {
		for _, c := range peers {
			f.sendTo(c)
		}
	}
	var left carrier.Tally
	if f.wait && !f.allSent && !o.subscribed() {
		at := n - f.untaken()
		rest := *f
		f.outcomes, rest.outcomes = f.outcomes[:at], f.outcomes[at:]
		left = rest.tally(len(peers))
	}
	tally := f.tally(len(peers))
	tally.Left, tally.Orphaned = left.NoPeer+left.Unwanted, left.NoPeer
	if invariants.Enabled {
		sum := tally.Sent + tally.Unwanted + tally.NoPeer + tally.Dropped + tally.Unsent + tally.Left
		invariants.Check(sum == n, "outlet: of %d messages %+v is accounted for", n, tally)
	}
	return tally
}

// subscribed reports whether a peer subscribes to anything but system topics.
func (o *outlet) subscribed() bool {
	return slices.ContainsFunc(*o.peers.Load(), func(c *conn) bool { return c.subscribed.Load() != 0 })
}

// Limit implements carrier.Outlet. What a peer's queue holds already it keeps.
func (o *outlet) Limit(messages int, bytes int64) {
	o.queueMessages.Store(int64(cmp.Or(messages, carrier.DefaultQueueMessages)))
	o.queueBytes.Store(cmp.Or(bytes, carrier.DefaultQueueBytes))
	if peers := o.peers.Load(); peers != nil {
		for _, c := range *peers {
			c.out.setBounds(o.bounds())
		}
	}
}

// Removed implements carrier.Remover.
func (o *outlet) Removed() (old, conflated uint64) {
	return o.removals.old.Load(), o.removals.conflated.Load()
}

// AnnounceRoute implements carrier.RouteAnnouncer.
func (o *outlet) AnnounceRoute(offices []string) { o.route.announce(offices, &o.peers) }

// Idle implements carrier.Outlet.
func (o *outlet) Idle() bool {
	peers := *o.peers.Load()
	return len(peers) == 1 && peers[0].out.idle()
}

// Peers implements carrier.Outlet.
func (o *outlet) Peers() []carrier.Peer {
	peers := *o.peers.Load()
	list := make([]carrier.Peer, 0, len(peers))
	for _, c := range peers {
		c.out.mu.Lock()
		subscriptions := c.subscriptions()
		c.out.mu.Unlock()
		list = append(list, c.describe(subscriptions))
	}
	return list
}

// Close implements carrier.Outlet.
func (o *outlet) Close(linger time.Duration) (unsent int) {
	o.close()
	for _, c := range *o.peers.Load() {
		c.out.finish()
	}
	o.waitUntilEnded(linger)
	return int(o.unsent.Swap(0))
}
