package zmtp

import (
	"math"
	"slices"
	"sync/atomic"

	"github.com/hermes-zmq/hermes/internal/access"
	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/flow"
	"github.com/hermes-zmq/hermes/internal/invariants"
	"github.com/hermes-zmq/hermes/internal/systemtopic"
	"github.com/hermes-zmq/hermes/internal/trie"
)

// The SUB side. The goroutine of each connection reads, decodes and delivers; a reader
// lease (sharedreader.go) lets a thread outside of Go do so in its place.
//
//	batch:        socket → decoder → filter (SUB only) → Deliver
//	subscription: Subscribe → topics → conn.out of every peer → socket
//
// What guards what: mu guards topics and subscribed, so that a peer that connects while
// a subscription changes is told of it exactly once. It is taken after events and before
// the lock of a send buffer. Deliver runs without mu.

// inlet is a SUB or XSUB socket.
type inlet struct {
	socket
	deliver func(*flow.Source, *batch.Batch) // carrier.InletConfig.DeliverFrom or Deliver
	onRoute func(peer uint64, offices []string) error
	filters bool // deliver only what is subscribed to, as libzmq's SUB does and its XSUB does not

	leasable bool                 // connections are made so that their reading can be leased
	leased   atomic.Pointer[conn] // whose reading is leased, or nil

	position historyPosition // how far the history has come that this end has asked for

	mu         invariants.RWMutex
	topics     trie.Set    // prefixes, with how often each was subscribed to
	subscribed []*conn     // peers that have been told topics
	durable    [][]byte    // what peers are to retain, see confirm.go
	all        atomic.Bool // topics.All(), readable without mu
}

var _ carrier.ReaderLeaser = (*inlet)(nil)

func openInlet(cfg carrier.InletConfig) (carrier.Inlet, error) {
	i := &inlet{deliver: cfg.DeliverFrom, onRoute: cfg.OnRoute, filters: cfg.Type == carrier.SUB, leasable: cfg.ReaderLease}
	if i.deliver == nil && cfg.Deliver != nil {
		i.deliver = func(_ *flow.Source, b *batch.Batch) { cfg.Deliver(b) }
	}
	i.mu.Rank(lockFamily, rankInlet)
	i.position.since, i.durable = cfg.Since, cfg.Durable
	if err := i.open(cfg.Config, i); err != nil {
		return nil, err
	}
	return i, nil
}

// leasesReader implements role.
func (i *inlet) leasesReader() bool { return i.leasable }

// bounds implements role: only commands are sent.
func (i *inlet) bounds() (int, int64) { return 0, 0 }

// newBacklog implements role.
func (i *inlet) newBacklog() *backlog { return nil }

// accepts implements role.
func (i *inlet) accepts(peerType string) bool { return peerType == "PUB" || peerType == "XPUB" }

// attach implements role: it sends a new peer all subscriptions.
func (i *inlet) attach(c *conn) {
	c.source.Store(flow.New(c.id, c.address, c.peer.hermes != "" || c.peer.office != ""))
	i.mu.Lock()
	defer i.mu.Unlock()
	i.subscribed = append(i.subscribed, c)
	all := append(i.askToRetain(c, false), i.position.ask(c)...)
	i.topics.Each(func(prefix []byte, _ int) { all = appendSubscription(all, c.minor, true, prefix) })
	if len(all) > 0 {
		c.post(all, int64(len(all)))
	}
}

// side implements role.
func (i *inlet) side() access.Side { return access.Publishes }

// review implements role.
func (i *inlet) review(c *conn, r *access.Rights) { c.rights.Store(r) }

// detach implements role.
func (i *inlet) detach(c *conn) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.subscribed = slices.DeleteFunc(i.subscribed, func(p *conn) bool { return p == c })
}

// receive implements role: it reads, decodes and delivers.
func (i *inlet) receive(c *conn, early []byte) error {
	i.checkHistory(c)
	if err := i.awaitFormer(c); err != nil {
		return err
	}
	d := decoder{in: i, c: c, limits: limitsOf(&i.cfg)}
	defer d.release()
	r, err := c.decrypted(&d, min(d.limits.bytes, math.MaxInt64), early)
	if err != nil {
		return err
	}
	c.readingAgain()
	if c.io.leasable() {
		return c.reader.serve(c, r)
	}
	if c.out.within != nil {
		return i.receiveWithin(c, &d)
	}
	room, idle := r.room, r.idle // made once: each would be an allocation
	for {
		n, err := c.io.read(room, idle)
		if err != nil {
			return err
		}
		c.hear()
		if err := r.consume(n); err != nil {
			return err
		}
	}
}

// deliverBatch delivers a batch, without messages that are not subscribed to.
func (i *inlet) deliverBatch(c *conn, b *batch.Batch) {
	n := b.Len()
	s := c.source.Load()
	c.receivedSystem.Add(countSystem(b))
	s.Received = c.received.Add(uint64(n))
	allowed := n
	if r := c.rights.Load(); r != nil {
		i.removeDenied(c, r, b)
		allowed = b.Len()
		c.denied.Add(uint64(n - allowed))
	}
	if i.filters && !i.all.Load() {
		i.filter(b)
		c.filtered.Add(uint64(allowed - b.Len()))
	}
	s.Cut = b.Len() < n
	if b.Len() == 0 && !s.Retains.Load() || i.deliver == nil {
		return // an empty batch tells a post office what it is to confirm
	}
	c.busy.Store(true)
	i.deliver(s, b)
	c.readingAgain()
}

// countSystem counts the messages of system topics.
func countSystem(b *batch.Batch) (n uint64) {
	from := 0
	for _, end := range b.Ends {
		if systemtopic.Is(topic(b, from, end)) {
			n++
		}
		from = end
	}
	return n
}

// filter takes out of b what matches no subscription. As a rule everything does.
func (i *inlet) filter(b *batch.Batch) {
	i.mu.RLock()
	defer i.mu.RUnlock()
	kept, to := 0, 0
	for at, from := 0, 0; at < len(b.Ends); at++ {
		end := b.Ends[at]
		if i.topics.Match(topic(b, from, end)) {
			if to != from {
				b.Own()
				copy(b.Buf[to:], b.Buf[from:end])
			}
			to += end - from
			b.Ends[kept] = to
			kept++
		}
		from = end
	}
	b.Ends, b.Buf = b.Ends[:kept], b.Buf[:to]
}

// receiveRoute hands on from which post offices the messages of a peer may come.
func (i *inlet) receiveRoute(c *conn, data []byte) error {
	if i.onRoute == nil {
		return nil
	}
	offices, err := parseRoute(data)
	if err != nil {
		return err
	}
	return i.onRoute(c.id, offices)
}

// Subscribe implements carrier.Inlet.
func (i *inlet) Subscribe(prefix []byte) error { return i.change(true, prefix) }

// Unsubscribe implements carrier.Inlet. A prefix that was never subscribed to is ignored.
func (i *inlet) Unsubscribe(prefix []byte) error { return i.change(false, prefix) }

func (i *inlet) change(on bool, prefix []byte) error {
	if i.closed.Load() {
		return carrier.ErrClosed
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if on {
		if !i.topics.Add(prefix) {
			return nil
		}
	} else if last, _ := i.topics.Remove(prefix); !last {
		return nil
	}
	i.all.Store(i.topics.All())
	for _, c := range i.subscribed {
		var since []byte
		if on {
			since = i.position.askFirst(c)
		}
		c.post(appendSubscription(since, c.minor, on, prefix), i.maxBacklog())
	}
	return nil
}

// maxBacklog is how many bytes of commands may wait for one peer: plenty for one that
// reads at all. One that does not is disconnected; it is sent everything when it comes
// back. The caller holds mu.
func (i *inlet) maxBacklog() int64 {
	return 4<<20 + 2*int64(i.topics.Bytes()+32*i.topics.Len())
}

// LeaseReader implements carrier.ReaderLeaser.
func (i *inlet) LeaseReader() (fd int, ok bool) {
	peers := *i.peers.Load()
	if len(peers) != 1 || !peers[0].io.leasable() || i.leased.Load() != nil {
		return -1, false
	}
	c := peers[0]
	if c.reader.lease(c) != nil {
		return -1, false
	}
	i.leased.Store(c)
	return c.io.leaseFD(), true
}

// ReadLeased implements carrier.ReaderLeaser.
func (i *inlet) ReadLeased() bool {
	c := i.leased.Load()
	if c == nil {
		return false
	}
	more, err := c.reader.tryRead(c)
	if err != nil {
		c.abort(c.reason(err))
	}
	return more
}

// EndLease implements carrier.ReaderLeaser.
func (i *inlet) EndLease() {
	if c := i.leased.Swap(nil); c != nil {
		if err := c.reader.end(c); err != nil {
			c.abort(err) // nothing would read it any more
		}
	}
}

// Peers implements carrier.Inlet.
func (i *inlet) Peers() []carrier.Peer {
	i.mu.RLock()
	subscriptions := i.topics.Len()
	i.mu.RUnlock()
	peers := *i.peers.Load()
	list := make([]carrier.Peer, 0, len(peers))
	for _, c := range peers {
		list = append(list, c.describe(subscriptions))
	}
	return list
}

// Close implements carrier.Inlet.
func (i *inlet) Close() {
	i.close()
	i.abortAll(errClosing)
	i.waitUntilEnded(-1)
}
