package core

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
	"github.com/hermes-zmq/hermes/internal/faultinject"
	"github.com/hermes-zmq/hermes/internal/herr"
	"github.com/hermes-zmq/hermes/internal/lastvalue"
	"github.com/hermes-zmq/hermes/internal/notify"
	"github.com/hermes-zmq/hermes/internal/option"
)

// PostOffice relays between publishers, which connect to its incoming side, and
// receivers, which connect to its outgoing side. It does not look into what it
// relays: any ZeroMQ PUB, SUB, XPUB or XSUB may connect, with any frames. Upstream
// it asks only for what its subscribers want.
type PostOffice struct {
	component
	in, out, debug address.List

	queueMessages *option.Size
	queueBytes    *option.Size
	cache         cacheOptions

	relay *relay // of the present run; guarded by component.mu
	mail  mail
}

var _ Component = (*PostOffice)(nil)

// NewPostOffice makes a post office that binds in for publishers and out for
// receivers. Everything that is relayed is also published at debug, unless that is
// empty. Each may be several addresses separated by commas, and one that begins
// with '>' is connected to instead.
func NewPostOffice(in, out, debug string) (*PostOffice, error) {
	p := &PostOffice{}
	var err error
	if p.in, err = address.ParseList(in, true); err != nil {
		return nil, err
	}
	if p.out, err = address.ParseList(out, true); err != nil {
		return nil, err
	}
	if debug != "" {
		if p.debug, err = address.ParseList(debug, true); err != nil {
			return nil, err
		}
	}
	p.init("post office", in+" > "+out, in+" > "+out, hooks{start: p.openUp, stop: p.shutDown, fact: p.factOf})

	p.links.Add(carrier.XSUB, p.in.Connect)
	p.links.Add(carrier.XPUB, p.out.Connect)
	p.links.Add(carrier.PUB, p.debug.Connect)
	p.addNetworkOptions()
	p.queueMessages = option.NewSize(1_000_000, option.MaxCount)
	p.queueBytes = option.NewSize(256<<20, option.MaxBytes)
	o := &p.options
	o.Add("queue.messages", "how many messages may wait for one subscriber; more are dropped and counted (libzmq: set later, it is for new subscribers)", true, p.queueMessages)
	o.Add("queue.bytes", "how many bytes of them (our own carrier only)", true, p.queueBytes)
	p.cache.add(o)
	return p, nil
}

// relay is the sockets of one run.
type relay struct {
	inlet      carrier.Inlet
	out, debug carrier.Outlet
	cache      *lastvalue.Cache // or nil
	wants      upstream
	route      *route
	delivered  atomic.Uint64 // grows with every batch: tells when it has become quiet
}

// checkSides refuses an address that two sides are to be bound to: the system would say
// that another program has it.
func (p *PostOffice) checkSides() error {
	sides := map[string]string{}
	for _, side := range []struct {
		name string
		at   address.List
	}{{"incoming", p.in}, {"outgoing", p.out}, {"debug", p.debug}} {
		for _, a := range side.at.Bind {
			if other, taken := sides[a]; taken && !strings.HasSuffix(a, "*") && !strings.HasSuffix(a, ":0") {
				return errorf(EADDRINUSE, "%s: %s is both the %s and the %s address, and each side needs one of its own", p.who(), a, other, side.name)
			}
			sides[a] = side.name
		}
	}
	return nil
}

func (p *PostOffice) openUp() (err error) {
	if err := p.checkSides(); err != nil {
		return err
	}
	r := &relay{cache: p.cache.open(), route: newRoute()}
	defer func() {
		if err != nil {
			r.close(&deadline.Shared{}) // at once
		}
	}()
	if len(p.debug.All()) > 0 {
		if r.debug, err = p.openOutlet(carrier.PUB, p.debug, r.route, nil, nil); err != nil {
			return err
		}
	}
	if r.cache != nil {
		r.wants.keep(p.cache.topics.Get())
	}
	if r.out, err = p.openOutlet(carrier.XPUB, p.out, r.route, r.wants.note, r.cache); err != nil {
		return err
	}
	r.route.begin(r.outlets()...)
	if r.inlet, err = p.openInlet(r); err != nil {
		return err
	}
	if err = p.checkCircle(r); err != nil {
		return err
	}
	p.mu.Lock()
	p.relay = r
	p.mu.Unlock()
	r.wants.attach(r.inlet)
	p.ready.Set(true)
	return nil
}

func (p *PostOffice) openInlet(r *relay) (carrier.Inlet, error) {
	opener, err := p.pick(p.in)
	if err != nil {
		return nil, err
	}
	cfg := carrier.InletConfig{Config: p.carrierConfig(carrier.XSUB, p.in)}
	cfg.Office, cfg.OnRoute = r.route.own, r.route.hear
	cfg.OnEvent = func(e carrier.Event) {
		if e.Kind == carrier.Disconnected {
			r.route.forget(e.Peer)
		}
		if e.Cause == carrier.CauseCycle && e.Kind == carrier.Disconnected && r.route.due(e.Address) {
			p.events.Add(notify.Event{Kind: "cycle", Level: notify.Error, Address: e.Address, Peer: e.Peer,
				Text: p.who() + " does not take messages from " + e.Address + ": " + e.Reason + "; " + connectivity.Check(carrier.XSUB, e.Cause)})
		}
		p.peerEvent(carrier.XSUB, p.in, e)
	}
	cfg.Redirect = func(kind, host string) string {
		return connectivity.Redirect(carrier.XSUB, kind, reachable(r.out, host))
	}
	cfg.Deliver = func(b *batch.Batch) { p.pass(r, b) }
	inlet, err := opener.OpenInlet(cfg)
	if err != nil {
		return nil, herr.Open(p.who(), err)
	}
	return inlet, nil
}

// outlets is what goes out.
func (r *relay) outlets() (all []carrier.Outlet) {
	for _, o := range []carrier.Outlet{r.out, r.debug} {
		if o != nil {
			all = append(all, o)
		}
	}
	return all
}

// checkCircle refuses a post office that follows itself, as far as its addresses show it,
// with every carrier; see route for what they do not.
func (p *PostOffice) checkCircle(r *relay) error {
	for _, o := range r.outlets() {
		if at := address.SameAs(p.in.Connect, o.Endpoints()); at != "" {
			return errorf(EADDRESS, "%s: it would follow its own outgoing side at %s, and relay the same messages for ever", p.who(), at)
		}
	}
	for _, a := range []address.List{p.out, p.debug} {
		if at := address.SameAs(a.Connect, r.inlet.Endpoints()); at != "" {
			return errorf(EADDRESS, "%s: its outgoing side would lead into its own incoming side at %s, and it would relay the same messages for ever", p.who(), at)
		}
	}
	return nil
}

// Set implements Component.
func (p *PostOffice) Set(key, value string) error {
	if err := p.component.Set(key, value); err != nil || !strings.HasPrefix(key, "queue.") {
		return err
	}
	if r := p.current(); r != nil {
		for _, o := range r.outlets() {
			o.Limit(int(p.queueMessages.Get()), p.queueBytes.Get())
		}
	}
	return nil
}

func (p *PostOffice) openOutlet(typ carrier.Type, a address.List, way *route, note func(carrier.Event), cache *lastvalue.Cache) (carrier.Outlet, error) {
	opener, err := p.pick(a)
	if err != nil {
		return nil, err
	}
	cfg := carrier.OutletConfig{Config: p.carrierConfig(typ, a), Overflow: carrier.Drop,
		QueueMessages: int(p.queueMessages.Get()), QueueBytes: p.queueBytes.Get()}
	cfg.Office = way.own
	cfg.OnEvent = func(e carrier.Event) {
		if note != nil {
			note(e)
		}
		p.peerEvent(typ, a, e)
	}
	if typ == carrier.XPUB {
		cfg.Redirect = p.redirectPublisher
	}
	if cache != nil {
		cfg.Cache = cache // a nil pointer would not be a nil interface
	}
	o, err := opener.OpenOutlet(cfg)
	if cache != nil && errors.Is(err, carrier.ErrUnsupported) {
		return nil, errorf(ENOTSUP, "%s: the option cache.depth needs our own carrier, and %s goes through libzmq (option engine = %s)",
			p.who(), strings.Join(a.All(), ","), p.network.engine)
	}
	if err != nil {
		return nil, herr.Open(p.who(), err)
	}
	return o, nil
}

// redirectPublisher tells a publisher that has come to the outgoing side where to go.
func (p *PostOffice) redirectPublisher(kind, host string) string {
	if r := p.current(); r != nil { // nil: it has come before the incoming side was open
		return connectivity.Redirect(carrier.XPUB, kind, reachable(r.inlet, host))
	}
	return ""
}

// reachable is where a socket is bound, for a peer that has reached this machine as host:
// that takes the place of "every interface".
func reachable(s socket, host string) string {
	var out []string
	for _, e := range s.Endpoints() {
		rest, isTCP := strings.CutPrefix(e, "tcp://")
		at, port, err := net.SplitHostPort(rest)
		if ip := net.ParseIP(at); isTCP && err == nil && host != "" && ip != nil && ip.IsUnspecified() {
			e = "tcp://" + net.JoinHostPort(host, port)
		}
		out = append(out, e)
	}
	return strings.Join(out, " or ")
}

// pass relays one batch. Batches of different publishers come at the same time.
func (p *PostOffice) pass(r *relay, b *batch.Batch) {
	faultinject.At("post office")
	r.delivered.Add(1)
	t := r.out.Send(b)
	if r.debug != nil {
		r.debug.Send(b)
	}
	p.mail.count(b, t)
}

// quiet is how long nothing must arrive before a stopping post office is sure that
// its publishers have fallen silent.
const quiet = 20 * time.Millisecond

// shutDown first takes back all subscriptions, so that publishers hold what they
// have, and forwards what is already on its way.
func (p *PostOffice) shutDown() error {
	r := p.current()
	r.wants.withdraw()
	r.awaitQuiet(&p.limit)
	if unsent := r.close(&p.limit); unsent > 0 {
		p.mail.giveUp(unsent)
		return errorf(ETIMEOUT, "%s stopped with %d messages not sent", p.who(), unsent)
	}
	return nil
}

// awaitQuiet returns when nothing more arrives, or there is no time left.
func (r *relay) awaitQuiet(limit *deadline.Shared) {
	last := r.delivered.Load()
	for {
		if left, _ := limit.Left(); left >= 0 && left <= quiet {
			return
		}
		time.Sleep(quiet)
		now := r.delivered.Load()
		if now == last {
			return
		}
		last = now
	}
}

func (r *relay) close(limit *deadline.Shared) (unsent int) {
	if r.inlet != nil {
		r.inlet.Close()
	}
	if r.out != nil {
		unsent = limit.Close(r.out)
	}
	if r.debug != nil {
		limit.Close(r.debug)
	}
	return unsent
}

func (p *PostOffice) current() *relay {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.relay
}

func (p *PostOffice) factOf(key string) (string, bool) {
	r := p.current()
	if r == nil {
		return "", key == "endpoint.in" || key == "endpoint.out" || key == "endpoint.debug"
	}
	switch key {
	case "endpoint.in":
		return boundTo(r.inlet), true
	case "endpoint.out":
		return boundTo(r.out), true
	case "endpoint.debug":
		if r.debug != nil {
			return boundTo(r.debug), true
		}
		return "", true
	}
	return "", false
}

// mail counts what passes.
type mail struct {
	mu sync.Mutex
	c  mailCounters
}

type mailCounters struct {
	InMessages  uint64 `json:"in_messages"`
	InBytes     uint64 `json:"in_bytes"`
	OutMessages uint64 `json:"out_messages"`
	OutBytes    uint64 `json:"out_bytes"`
	Unwanted    uint64 `json:"unwanted"`
	Dropped     uint64 `json:"dropped"`
}

func (m *mail) count(b *batch.Batch, t carrier.Tally) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.c.InMessages += uint64(b.Len())
	m.c.InBytes += uint64(b.Size())
	m.c.OutMessages += uint64(t.Sent)
	m.c.OutBytes += uint64(t.SentBytes)
	m.c.Unwanted += uint64(t.Unwanted + t.NoPeer)
	m.c.Dropped += uint64(t.Dropped + t.Unsent)
}

// giveUp books what was lost at the end. It is summed over subscribers, so it may be
// more than was counted as sent.
func (m *mail) giveUp(unsent int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := min(uint64(unsent), m.c.OutMessages)
	m.c.OutMessages -= n
	m.c.Dropped += n
}

// PostOfficeStats are a post office's counters. At any moment in_messages =
// out_messages + unwanted + dropped, where a message counts once however many
// subscribers it went to, and as dropped if it went to none of those that wanted it.
// What single subscribers got and lost is in Subscribers. What comes out of the cache
// has counters of its own and is in none of those sums.
type PostOfficeStats struct {
	base
	mailCounters
	CacheCounters
	Ready       bool   `json:"ready"`
	Publishers  []Peer `json:"publishers"`
	Subscribers []Peer `json:"subscribers"`
}

// Stats takes the counters at one instant.
func (p *PostOffice) Stats() PostOfficeStats {
	s := PostOfficeStats{base: p.base(), Ready: p.ready.IsOpen(), Publishers: []Peer{}, Subscribers: []Peer{}}
	if r := p.current(); r != nil {
		s.Publishers, s.Subscribers = inletPeers(r.inlet), outletPeers(r.out)
		s.CacheCounters = CacheCounters(r.cache.Counters())
		if r.debug != nil {
			s.Subscribers = append(s.Subscribers, peersOf(r.debug, "debug")...)
		}
	}
	p.mail.mu.Lock()
	defer p.mail.mu.Unlock()
	s.mailCounters = p.mail.c
	return s
}

// StatsJSON implements Component.
func (p *PostOffice) StatsJSON() []byte { return statsJSON(p.Stats()) }
