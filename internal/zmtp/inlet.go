package zmtp

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/trie"
)

// inlet is a SUB or XSUB.
type inlet struct {
	socket
	deliver func(*batch.Batch)
	onPath  func(peer uint64, offices []string) error
	filters bool // hands on only what is subscribed to, as libzmq's SUB does and its XSUB does not

	lends    bool                 // see lend.go
	borrowed atomic.Pointer[conn] // what is lent

	mu     sync.RWMutex // guards the rest; taken after events and before a connection's own
	topics trie.Set
	asked  []*conn     // peers that know our subscriptions
	all    atomic.Bool // topics.All(), for readers in a hurry
}

func openInlet(cfg carrier.InletConfig) (carrier.Inlet, error) {
	i := &inlet{deliver: cfg.Deliver, onPath: cfg.OnRoute, filters: cfg.Type == carrier.SUB, lends: cfg.ReaderLease}
	if err := i.open(cfg.Config, i); err != nil {
		return nil, err
	}
	return i, nil
}

func (i *inlet) lending() bool { return i.lends }

func (i *inlet) bounds() (int, int64) { return 0, 0 } // only commands go out

func (i *inlet) accepts(kind string) bool { return kind == "PUB" || kind == "XPUB" }

// attach asks a new peer for all that is subscribed to.
func (i *inlet) attach(c *conn) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asked = append(i.asked, c)
	var all []byte
	i.topics.Each(func(prefix []byte, _ int) { all = appendSubscription(all, c.minor, true, prefix) })
	if len(all) > 0 {
		c.post(all, int64(len(all)))
	}
}

func (i *inlet) detach(c *conn) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asked = slices.DeleteFunc(i.asked, func(p *conn) bool { return p == c })
}

// receive hands on what comes.
func (i *inlet) receive(c *conn, early []byte) error {
	in := intake{in: i, c: c, limits: limitsOf(&i.cfg)}
	defer in.drop()
	if err := in.preload(early); err != nil {
		return err
	}
	c.listen()
	if c.io.watch != nil {
		return c.receiveShared(&in)
	}
	room, idle := in.room, in.idle // made once: each would be an allocation
	for {
		n, err := c.io.read(room, idle)
		if err != nil {
			return err
		}
		c.hear()
		if err := in.took(n); err != nil {
			return err
		}
	}
}

// pass hands a batch on, without what nobody has subscribed to.
func (i *inlet) pass(c *conn, b *batch.Batch) {
	c.received.Add(uint64(b.Len()))
	if i.filters && !i.all.Load() {
		i.filter(b)
	}
	if b.Len() == 0 || i.deliver == nil {
		return
	}
	c.busy.Store(true)
	i.deliver(b)
	c.listen()
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

// Subscribe asks all peers for the topics that begin with prefix.
func (i *inlet) Subscribe(prefix []byte) error {
	return i.change(true, prefix)
}

// Unsubscribe takes back one Subscribe. One that never was is nothing.
func (i *inlet) Unsubscribe(prefix []byte) error {
	return i.change(false, prefix)
}

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
	for _, c := range i.asked {
		c.post(appendSubscription(nil, c.minor, on, prefix), i.backlog())
	}
	return nil
}

// backlog is how many bytes of commands may wait for one peer: plenty, for one that
// reads at all. One that does not is given up; it gets everything when it comes back.
func (i *inlet) backlog() int64 {
	return 4<<20 + 2*int64(i.topics.Bytes()+32*i.topics.Len())
}

// Peers lists the peers connected now.
func (i *inlet) Peers() []carrier.Peer {
	i.mu.RLock()
	subscriptions := i.topics.Len()
	i.mu.RUnlock()
	peers := *i.peers.Load()
	list := make([]carrier.Peer, 0, len(peers))
	for _, c := range peers {
		list = append(list, c.about(subscriptions))
	}
	return list
}

// Close closes the socket and waits until Deliver has returned for the last time.
func (i *inlet) Close() {
	i.close()
	i.abortAll(errClosing)
	i.end(-1)
}
