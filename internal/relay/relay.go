// Package relay is what a post office does between its sides in one run: batches that come
// from publishers go to every receiver that has subscribed, unread, and the subscriptions of
// the receivers go to the publishers.
//
//	publishers -> inlet -> pass -> out outlet (with the cache of last values) -> receivers
//	                           \-> debug outlet -> its subscribers
//	publishers <- inlet <- upstream subscriptions <- out outlet <- receivers
//
// A Link, if one is joined, is beside the receivers: it is told what they subscribe to, has
// what publishers send, and what it brings goes to receivers alone (link.go).
//
// For a receiver that does not keep up, the out outlet drops messages, and counts them, or holds
// back publishers, as its Overflow says; throttleEvents tells of that. The debug outlet always
// drops. A Relay refuses addresses that lead back to itself, and asks the post offices
// around it whether messages come back (see cycles).
//
// Stop first takes back the subscriptions, so that publishers keep what they have, then
// relays what is on its way, as fast as receivers take it, then ends the link, then flushes. Locks: those of an outlet or inlet are taken
// before the lock of upstream or cycles where the carrier calls, which call into the other
// side's only. Counters has a lock of its own.
package relay

import (
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hermes-zmq/hermes/internal/address"
	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/connectivity"
	"github.com/hermes-zmq/hermes/internal/deadline"
	"github.com/hermes-zmq/hermes/internal/errs"
	"github.com/hermes-zmq/hermes/internal/faultinject"
	"github.com/hermes-zmq/hermes/internal/flow"
	"github.com/hermes-zmq/hermes/internal/lastvalue"
	"github.com/hermes-zmq/hermes/internal/notify"
	"github.com/hermes-zmq/hermes/internal/systemtopic"
)

// Config is what a Relay needs of its post office.
type Config struct {
	Who            string       // names the post office in texts
	In, Out, Debug address.List // Debug may be empty
	Engine         string       // the option "engine", for texts

	Cache         *lastvalue.Cache // of last values, or nil
	CachePrefixes [][]byte         // the topics that are asked for because of the cache
	History       carrier.History  // for receivers that ask for it, or nil
	Durable       [][]byte         // see DurableOf: what the link stores that will join
	Counters      *Counters        // over all runs
	Tap           *Tap             // sees what is relayed; nil: none

	Pick    func(address.List) (carrier.Opener, error)              // chooses the carrier
	Socket  func(carrier.Type, address.List) carrier.Config         // what options say of a socket
	Limit   func() (messages int, bytes int64)                      // what may be queued for one receiver
	Full    carrier.Overflow                                        // what happens beyond that
	Stall   func() time.Duration                                    // see carrier.OutletConfig.StallTimeout
	OnPeer  func(own carrier.Type, a address.List, e carrier.Event) // hears of peers
	OnEvent func(notify.Event)                                      // hears of a cycle
}

// Relay is the sockets of one run.
type Relay struct {
	cfg        Config
	out, debug carrier.Outlet // debug may be nil
	upstream   upstream
	ahead      upstream // of the link, until it has joined: what publishers retain is wanted before anything else
	cycles     *cycles
	throttled  throttleEvents
	joint      joint
	passes     passes        // batches that are on their way through
	passed     atomic.Uint64 // grows with every batch: tells when it has become quiet

	mu    sync.Mutex // guards inlet while the relay opens
	inlet carrier.Inlet
}

// Open opens all sides: receivers' first, so that nothing is lost that comes at once.
func Open(cfg Config) (_ *Relay, err error) {
	if err := checkSides(cfg); err != nil {
		return nil, err
	}
	r := &Relay{cfg: cfg, cycles: newCycles()}
	r.throttled.begin(cfg.Who, r.subscriber, cfg.OnEvent)
	defer func() {
		if err != nil {
			r.close(&deadline.StopLimit{}) // at once
		}
	}()
	if len(cfg.Debug.All()) > 0 {
		if r.debug, err = r.openOutlet(carrier.PUB, cfg.Debug); err != nil {
			return nil, err
		}
	}
	if cfg.Cache != nil {
		r.upstream.keep(cfg.CachePrefixes)
	}
	if r.out, err = r.openOutlet(carrier.XPUB, cfg.Out); err != nil {
		return nil, err
	}
	cfg.Counters.follow(r.out)
	r.cycles.begin(r.outlets()...)
	inlet, err := r.openInlet()
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	r.inlet = inlet
	r.mu.Unlock()
	if err = r.checkCycle(); err != nil {
		return nil, err
	}
	r.ahead.keep(cfg.Durable)
	r.ahead.attach(inlet)
	r.upstream.attach(inlet)
	return r, nil
}

// checkSides refuses an address that two sides are to be bound to: the system would say
// that another program has it.
func checkSides(cfg Config) error {
	sides := map[string]string{}
	for _, side := range []struct {
		name string
		at   address.List
	}{{"incoming", cfg.In}, {"outgoing", cfg.Out}, {"debug", cfg.Debug}} {
		for _, a := range side.at.Bind {
			at, err := address.Parse(a)
			key := at.Key(true)
			if err != nil || key == "" {
				continue
			}
			if other, taken := sides[key]; taken {
				return errs.Errorf(errs.EADDRINUSE, "%s: %s is both the %s and the %s address, and each side needs one of its own", cfg.Who, a, other, side.name)
			}
			sides[key] = side.name
		}
	}
	return nil
}

// checkCycle refuses a post office that follows itself, as far as its addresses show it,
// with every carrier; see cycles for what they do not.
func (r *Relay) checkCycle() error {
	for _, o := range r.outlets() {
		if at := address.SameAs(r.cfg.In.Connect, o.Endpoints()); at != "" {
			return errs.Errorf(errs.EADDRESS, "%s: it would connect to its own outgoing side at %s and relay the same messages endlessly; remove this address", r.cfg.Who, at)
		}
	}
	for _, a := range []address.List{r.cfg.Out, r.cfg.Debug} {
		if at := address.SameAs(a.Connect, r.inlet.Endpoints()); at != "" {
			return errs.Errorf(errs.EADDRESS, "%s: its outgoing side would connect to its own incoming side at %s, and it would relay the same messages endlessly; remove this address", r.cfg.Who, at)
		}
	}
	return nil
}

func (r *Relay) openInlet() (carrier.Inlet, error) {
	opener, err := r.cfg.Pick(r.cfg.In)
	if err != nil {
		return nil, err
	}
	cfg := carrier.InletConfig{Config: r.cfg.Socket(carrier.XSUB, r.cfg.In)}
	cfg.Office, cfg.OnRoute = r.cycles.own, r.cycles.hear
	cfg.OnEvent = r.onPublisher
	cfg.Redirect = func(kind, host string) string {
		return connectivity.Redirect(carrier.XSUB, kind, reachable(r.out.Endpoints(), host))
	}
	cfg.DeliverFrom, cfg.Durable = r.pass, r.cfg.Durable
	inlet, err := opener.OpenInlet(cfg)
	if err != nil {
		return nil, errs.Open(r.cfg.Who, err)
	}
	return inlet, nil
}

// onPublisher is called by the carrier with what happens at the incoming side.
func (r *Relay) onPublisher(e carrier.Event) {
	if e.Kind == carrier.Disconnected {
		r.cycles.forget(e.Peer)
		if n := r.joint.now.Load(); n != nil {
			n.confirms.forget(e.Peer)
		}
		if e.Cause == carrier.CauseCycle && r.cycles.due(e.Address) {
			r.cfg.OnEvent(notify.Event{Kind: "cycle", Level: notify.Error, Address: e.Address, Peer: e.Peer,
				Text: r.cfg.Who + " does not take messages from " + e.Address + ": " + e.Reason + "; " + connectivity.Check(carrier.XSUB, e.Cause, e.Address)})
		}
	}
	r.cfg.OnPeer(carrier.XSUB, r.cfg.In, e)
}

func (r *Relay) openOutlet(typ carrier.Type, a address.List) (carrier.Outlet, error) {
	opener, err := r.cfg.Pick(a)
	if err != nil {
		return nil, err
	}
	cfg := carrier.OutletConfig{Config: r.cfg.Socket(typ, a), Overflow: carrier.Drop}
	cfg.QueueMessages, cfg.QueueBytes = r.cfg.Limit()
	cfg.Office, cfg.System = r.cycles.own, systemtopic.Sign
	cfg.OnEvent = func(e carrier.Event) { r.cfg.OnPeer(typ, a, e) }
	cached := typ == carrier.XPUB && r.cfg.Cache != nil
	if typ == carrier.XPUB {
		cfg.Overflow, cfg.StallTimeout = r.cfg.Full, r.cfg.Stall
		cfg.OnHold, cfg.OnRelease = r.hold, r.release
		cfg.ByOffice = true
		cfg.Redirect = r.redirectPublisher
		cfg.OnEvent = func(e carrier.Event) {
			r.upstream.note(e)
			r.cfg.OnPeer(typ, a, e)
		}
	}
	if cached {
		cfg.Cache = r.cfg.Cache // a nil pointer would not be a nil interface
	}
	if typ == carrier.XPUB {
		cfg.History = r.cfg.History
	}
	o, err := opener.OpenOutlet(cfg)
	if drops := cfg.Overflow == carrier.DropOld || cfg.Overflow == carrier.LatestPerTopic; drops && errors.Is(err, carrier.ErrUnsupported) {
		return nil, errs.Errorf(errs.ENOTSUP, "%s: this value of the option queue.full needs the engine zmtp, and %s uses libzmq (option engine = %s)",
			r.cfg.Who, strings.Join(a.All(), ","), r.cfg.Engine)
	}
	if cached && errors.Is(err, carrier.ErrUnsupported) {
		return nil, errs.Errorf(errs.ENOTSUP, "%s: the option cache.depth needs the engine zmtp, and %s uses libzmq (option engine = %s)",
			r.cfg.Who, strings.Join(a.All(), ","), r.cfg.Engine)
	}
	if err != nil {
		return nil, errs.Open(r.cfg.Who, err)
	}
	return o, nil
}

// redirectPublisher tells a publisher that has come to the outgoing side where to go.
func (r *Relay) redirectPublisher(kind, host string) string {
	r.mu.Lock()
	inlet := r.inlet
	r.mu.Unlock()
	if inlet == nil {
		return "" // it has come before the incoming side was open
	}
	return connectivity.Redirect(carrier.XPUB, kind, reachable(inlet.Endpoints(), host))
}

// reachable is where a socket is bound, for a peer that has reached this machine as host:
// that takes the place of "every interface".
func reachable(endpoints []string, host string) string {
	var out []string
	for _, e := range endpoints {
		transport, rest, _ := strings.Cut(e, "://")
		at, port, err := net.SplitHostPort(rest)
		if ip := net.ParseIP(at); transport != "ipc" && err == nil && host != "" && ip != nil && ip.IsUnspecified() {
			e = transport + "://" + net.JoinHostPort(host, port)
		}
		out = append(out, e)
	}
	return strings.Join(out, " or ")
}

// outlets are the sides that send.
func (r *Relay) outlets() (all []carrier.Outlet) {
	for _, o := range []carrier.Outlet{r.out, r.debug} {
		if o != nil {
			all = append(all, o)
		}
	}
	return all
}

// pass relays one batch of a publisher. Batches of different publishers come at the same time.
func (r *Relay) pass(s *flow.Source, b *batch.Batch) {
	faultinject.At("post office")
	if s.Retains.Load() {
		r.passRetained(s, b)
		return
	}
	r.passReady(s, b)
}

// passReady relays a batch that need not wait for the link.
func (r *Relay) passReady(s *flow.Source, b *batch.Batch) {
	defer r.passes.end(r.passes.begin())
	r.passed.Add(1)
	if n := r.joint.now.Load(); n != nil {
		r.passJoined(n, s, b)
		return
	}
	r.passLocally(s, b)
}

// passLocally relays one batch to the receivers of this post office.
func (r *Relay) passLocally(s *flow.Source, b *batch.Batch) {
	r.cfg.Tap.pass(s, b)
	t := r.send(s, b)
	if r.debug != nil {
		r.debug.Send(b)
	}
	r.cfg.Counters.count(b, t)
}

func (r *Relay) send(s *flow.Source, b *batch.Batch) carrier.Tally {
	if t, ok := r.out.(carrier.Throttler); ok {
		return t.SendFrom(s, b)
	}
	return r.out.Send(b)
}

// Publish sends what the post office publishes of itself. It never waits: a receiver that has no room
// loses it.
func (r *Relay) Publish(b *batch.Batch) {
	defer r.passes.end(r.passes.begin())
	n := r.joint.now.Load()
	if n == nil {
		r.cfg.Counters.countOwn(b, r.out.Send(b))
		return
	}
	missed := r.joint.slice(b.Len())
	defer r.joint.missed.Put(missed)
	t := r.sendNoting(nil, b, *missed)
	messages, _ := n.link.Send(b, *missed)
	t.Unwanted -= messages
	r.cfg.Counters.countOwn(b, t)
}

// ServeHistory changes what receivers get that ask for history; nil: none. With libzmq they get none.
func (r *Relay) ServeHistory(h carrier.History) {
	if o, ok := r.out.(carrier.HistoryServer); ok {
		o.ServeHistory(h)
	}
}

// Limit makes Config.Limit take effect, where it has changed.
func (r *Relay) Limit() {
	messages, bytes := r.cfg.Limit()
	for _, o := range r.outlets() {
		o.Limit(messages, bytes)
	}
}

// Sockets are the sides of the relay, for statistics; debug may be nil.
func (r *Relay) Sockets() (in carrier.Inlet, out, debug carrier.Outlet) {
	return r.inlet, r.out, r.debug
}

// hold is told by the outlet when a publisher begins to wait.
func (r *Relay) hold(s *flow.Source) {
	r.cfg.Counters.holdBegins()
	r.throttled.hold(s)
}

// release is told when its wait is over.
func (r *Relay) release(*flow.Source) { r.cfg.Counters.holdEnds() }

// subscriber is the address of one, or "".
func (r *Relay) subscriber(id uint64) string {
	for _, p := range r.out.Peers() {
		if p.ID == id {
			return p.Address
		}
	}
	return ""
}

// Cache is that of last values, or nil.
func (r *Relay) Cache() *lastvalue.Cache { return r.cfg.Cache }

// quiet is how long nothing must arrive before a stopping relay is sure that its publishers
// have fallen silent.
const quiet = 20 * time.Millisecond

// Stop ends the relay within limit, and gives how many messages were not sent; they are
// counted.
func (r *Relay) Stop(limit *deadline.StopLimit) (unsent int) {
	r.upstream.withdraw()
	r.ahead.withdraw()
	r.joint.withdraw()
	r.awaitQuiet(limit)
	if unsent = r.close(limit); unsent > 0 {
		r.cfg.Counters.giveUp(unsent)
	}
	return unsent
}

// awaitQuiet returns when nothing more arrives, or there is no time left.
func (r *Relay) awaitQuiet(limit *deadline.StopLimit) {
	last := r.passed.Load()
	for {
		if left, _ := limit.Left(); left >= 0 && left <= quiet {
			return
		}
		time.Sleep(quiet)
		now := r.passed.Load()
		if now == last && r.passes.none() {
			return
		}
		last = now
	}
}

func (r *Relay) close(limit *deadline.StopLimit) (unsent int) {
	if t, ok := r.out.(carrier.Throttler); ok {
		t.EndWaits() // the inlet closes when nothing is on its way through any more
	}
	r.joint.endWaits()
	r.throttled.stop()
	if r.inlet != nil {
		r.inlet.Close()
	}
	r.joint.end(limit)
	if r.out != nil {
		unsent = limit.Close(r.out)
	}
	if r.debug != nil {
		limit.Close(r.debug)
	}
	return unsent
}
