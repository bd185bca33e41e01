package relay

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/deadline"
	"github.com/hermes-zmq/hermes/internal/flow"
	"github.com/hermes-zmq/hermes/internal/latch"
)

// Link joins a post office to others by other means than its sockets. It outlives the runs of the
// post office: calls of one run come between Begin and End.
//
// The relay may hold locks while it calls: a Link must not call back within these calls, and
// must not wait, except in End.
type Link interface {
	// Begin begins a run. The port is valid until End returns.
	Begin(p Port)
	// Subscribe tells that local subscribers want the topics that begin with prefix, and
	// Unsubscribe that none does any more. Each prefix is subscribed to once. What only subscribers
	// want that are post offices of which Joins reports true is not told.
	Subscribe(prefix []byte)
	Unsubscribe(prefix []byte)
	// Joins reports whether the Link joins another post office too, by the name of it in its run. Such
	// a one tells by itself what its subscribers want, and subscribes here to what the Link has
	// told it that this one wants: if that were told, it would be wanted for ever.
	Joins(office string) bool
	// Route tells the name of the post office, and through which others the messages of each
	// peer of the incoming side come. The maps must not be changed.
	Route(own string, peers map[uint64][]string)
	// Admit is called with what arrives at the incoming side from a peer, before anything
	// else is done with it, and calls pass with what is to be relayed, if anything: the batch itself,
	// or another one. With local it is for local subscribers only, and not for Send. It is called only
	// after Screen has reported true, and without locks of the relay; pass may wait for receivers.
	Admit(peer uint64, b *batch.Batch, pass func(admitted *batch.Batch, local bool))
	// Screen reports whether Admit is needed at present.
	Screen() bool
	// Send takes what other post offices are to have of a batch of local publishers, and keeps
	// no reference to it. missed says which messages no local subscriber takes; nil: none is
	// missed. Send tells how many of these it has taken, and their size.
	Send(b *batch.Batch, missed []bool) (messages int, bytes int64)
	// End ends a run: it sends what waits, within the limit, and returns when the port is no
	// longer used.
	End(limit *deadline.StopLimit)
}

// Port is the relay's side of a Link.
type Port interface {
	// Deliver gives a batch of other post offices to the local subscribers, and to the debug
	// side. The caller keeps its ownership of b. It may wait, as a publisher would.
	Deliver(b *batch.Batch)
	// Keep puts a batch into the cache of last values, and nowhere else. Caches reports whether
	// there is one.
	Keep(b *batch.Batch)
	Caches() bool
	// Want subscribes at the incoming side to what other post offices want, and Unwant ends
	// that. Each prefix is wanted once.
	Want(prefix []byte)
	Unwant(prefix []byte)
	// Review is called when Joins may report something else.
	Review()
	// Settle waits until every batch that was on its way has been given to local subscribers
	// and to the Link.
	Settle(ctx context.Context) error
}

// Historian is a Link that keeps history for receivers that ask for it. History is called when the
// link is joined, and gives the same pointer each time, or nil.
type Historian interface{ History() carrier.History }

// HistoryOf is the history that a link keeps, or nil.
func HistoryOf(l Link) carrier.History {
	if h, ok := l.(Historian); ok {
		return h.History()
	}
	return nil
}

// joint is where the link is joined to the relay of one run.
//
// Locks: mu is taken before the locks of upstream and cycles, and held while the link begins or
// ends. The link's own locks are taken under any of them.
type joint struct {
	now    atomic.Pointer[joined] // nil: no link
	missed sync.Pool              // of *[]bool

	settled latch.Latch // open once the run has its first link, or is known to have none

	mu    sync.Mutex
	ended bool // the relay stops: no link begins any more
}

// joined is a link that has begun, with what it needs of the relay.
type joined struct {
	link   Link
	relay  *Relay
	wants  upstream     // of other post offices
	source *flow.Source // its messages count as those of one publisher

	confirms *confirmations // nil: nothing is confirmed
}

var _ Port = (*joined)(nil)

// Join joins a link to the relay, which is open.
func (r *Relay) Join(l Link) {
	j := &r.joint
	j.mu.Lock()
	defer j.mu.Unlock()
	defer j.settled.Set(true)
	if j.ended {
		return
	}
	n := &joined{link: l, relay: r, source: flow.New(0, "the backbone", false)}
	n.wants.attach(r.inlet)
	l.Begin(n)
	r.cycles.follow(l.Route)
	r.upstream.follow(l)
	n.confirms = r.newConfirmations(l)
	j.now.Store(n)
	n.confirms.begin()
	r.ahead.withdraw()
	r.ServeHistory(HistoryOf(l))
}

// Joined reports whether there is a link.
func (r *Relay) Joined() bool { return r.joint.now.Load() != nil }

// Leave ends the link, if there is one, within limit. What its post office relays goes on.
func (r *Relay) Leave(limit *deadline.StopLimit) {
	j := &r.joint
	j.mu.Lock()
	defer j.mu.Unlock()
	j.leave(limit)
}

// leave ends the link. The caller holds mu.
func (j *joint) leave(limit *deadline.StopLimit) {
	n := j.now.Swap(nil)
	if n == nil {
		return
	}
	n.relay.ServeHistory(nil)
	n.relay.upstream.unfollow()
	n.relay.cycles.follow(nil)
	n.wants.withdraw()
	n.confirms.end(j.ended)
	n.link.End(limit)
}

// JoinNone says that no link joins the run before it begins.
func (r *Relay) JoinNone() {
	r.ahead.withdraw()
	r.joint.settled.Set(true)
	if to, ok := r.inlet.(carrier.Confirmer); ok {
		to.AskToRetain(nil)
	}
}

// endWaits lets no publisher wait any more, because the relay stops.
func (j *joint) endWaits() {
	j.settled.Set(true)
	if n := j.now.Load(); n != nil && n.confirms != nil {
		n.confirms.storer.EndWaits()
	}
}

// end is leave for good.
func (j *joint) end(limit *deadline.StopLimit) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ended = true
	j.leave(limit)
}

// withdraw ends what other post offices want, because the relay stops.
func (j *joint) withdraw() {
	if n := j.now.Load(); n != nil {
		n.wants.withdraw()
	}
}

// Want implements Port.
func (n *joined) Want(prefix []byte) {
	n.wants.note(carrier.Event{Kind: carrier.Subscribed, Prefix: prefix})
}

// Unwant implements Port.
func (n *joined) Unwant(prefix []byte) {
	n.wants.note(carrier.Event{Kind: carrier.Unsubscribed, Prefix: prefix})
}

// Review implements Port.
func (n *joined) Review() { n.relay.upstream.review() }

// Caches implements Port.
func (n *joined) Caches() bool { return n.relay.cfg.Cache != nil }

// Keep implements Port.
func (n *joined) Keep(b *batch.Batch) {
	if c := n.relay.cfg.Cache; c != nil {
		c.Keep(b)
	}
}

// Settle implements Port.
func (n *joined) Settle(ctx context.Context) error { return n.relay.passes.settle(ctx) }

// Deliver implements Port. Calls come one after another, as from one publisher.
func (n *joined) Deliver(b *batch.Batch) {
	r := n.relay
	defer r.passes.end(r.passes.begin())
	r.passed.Add(1)
	r.passLocally(n.source, b)
}

// passJoined is pass while a link is joined.
func (r *Relay) passJoined(n *joined, s *flow.Source, b *batch.Batch) {
	if !n.link.Screen() {
		r.passOn(n, s, b)
		return
	}
	whole := false
	n.link.Admit(s.Peer, b, func(admitted *batch.Batch, local bool) {
		whole = admitted == b && !local
		if local {
			r.passLocally(s, admitted)
		} else {
			r.passOn(n, s, admitted)
		}
	})
	if !whole {
		n.settle(s)
	}
}

// passOn relays one batch to the receivers of this post office, and to the link.
func (r *Relay) passOn(n *joined, s *flow.Source, b *batch.Batch) {
	r.cfg.Tap.pass(s, b)
	missed := r.joint.slice(b.Len())
	defer r.joint.missed.Put(missed)
	t := r.sendNoting(s, b, *missed)
	if r.debug != nil {
		r.debug.Send(b)
	}
	alone := *missed
	if t.Unwanted+t.NoPeer == 0 {
		alone = nil
	}
	messages, bytes := n.sendLink(s, b, alone)
	t.Sent += messages
	t.SentBytes += bytes
	t.Unwanted -= messages // of both together, see Counters.count
	r.cfg.Counters.count(b, t)
}

// slice gives n times false.
func (j *joint) slice(n int) *[]bool {
	s, _ := j.missed.Get().(*[]bool)
	if s == nil {
		s = new([]bool)
	}
	if cap(*s) < n {
		*s = make([]bool, n)
	}
	*s = (*s)[:n]
	clear(*s)
	return s
}

// sendNoting sends a batch to the local subscribers, and notes which messages none of them takes.
func (r *Relay) sendNoting(s *flow.Source, b *batch.Batch, missed []bool) carrier.Tally {
	if o, ok := r.out.(carrier.MissNoter); ok {
		return o.SendNoting(s, b, missed)
	}
	return r.send(s, b)
}
