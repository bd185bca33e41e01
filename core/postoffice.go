package core

import (
	"strings"
	"time"

	"github.com/hermes-zmq/hermes/internal/address"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/embed"
	"github.com/hermes-zmq/hermes/internal/lastvalue"
	"github.com/hermes-zmq/hermes/internal/relay"
	"github.com/hermes-zmq/hermes/internal/telemetry"
)

// PostOffice is a broker (an XSUB/XPUB proxy): it relays between publishers, which connect
// to its incoming side, and receivers, which connect to its outgoing side. It does not look
// into what it relays: any ZeroMQ PUB, SUB, XPUB or XSUB may connect, with any frames. It
// subscribes upstream only to what its receivers have subscribed to.
type PostOffice struct {
	component
	in, out, debug address.List

	postOfficeOptions

	relay    *relay.Relay   // of the present or last run; guarded by component.mu
	counters relay.Counters // over all runs
	embed    embed.Office   // where a backbone joins
	audience telemetry.Audience
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
	p.init("post office", in+" > "+out, in+" > "+out, hooks{start: p.openUp, stop: p.shutDown, fact: p.factOf, endpoints: p.endpoints})
	p.embed.Init(p.who())
	p.links.Add(carrier.XSUB, p.in.Connect)
	p.links.Add(carrier.XPUB, p.out.Connect)
	p.links.Add(carrier.PUB, p.debug.Connect)
	p.addNetworkOptions()
	p.show(officeName(), "the name of the machine and the number of the process", p.StatsJSON,
		func() *telemetry.Audience { return &p.audience }, p.publishState)
	p.postOfficeOptions.add(&p.options)
	return p, nil
}

func init() {
	embed.OfficeOf = func(office any) *embed.Office { return &office.(*PostOffice).embed }
}

// openCache makes an empty cache of last values, or none.
func (x *postOfficeOptions) openCache() *lastvalue.Cache {
	depth := int(x.cacheDepth.Get())
	if depth == 0 {
		return nil
	}
	return lastvalue.New(lastvalue.Config{Depth: depth, Bytes: x.cacheBytes.Get(), Prefixes: x.cacheTopics.Get(), Restamp: x.cacheOld.Is("restamp")})
}

// onPeer is told by the relay what happens at its sides.
func (p *PostOffice) onPeer(own carrier.Type, a address.List, e carrier.Event) {
	if own == carrier.XPUB {
		p.audience.Note(e)
	}
	p.peerEvent(own, a, e)
}

// publishState publishes an envelope about the post office itself, which no socket brings. What has no
// room at a receiver is lost for it, and counted there.
func (p *PostOffice) publishState(topic, origin, data []byte) bool {
	b := telemetry.Envelope(topic, origin, data)
	defer b.Release()
	p.current().Publish(b)
	return true
}

func (p *PostOffice) openUp() error {
	p.audience.Begin(func() bool { r := p.current(); return r != nil && r.Joined() })
	r, err := relay.Open(relay.Config{
		Who: p.who(), In: p.in, Out: p.out, Debug: p.debug, Engine: p.network.engine.String(),
		Cache: p.openCache(), CachePrefixes: p.cacheTopics.Get(), History: p.embed.History(), Durable: p.embed.Durable(), Counters: &p.counters, Tap: p.embed.Tap(),
		Pick: p.pick, Socket: p.carrierConfig, Limit: p.subscriberLimit,
		Full: overflows[p.queueFull.String()], Stall: p.stallTimeout, OnPeer: p.onPeer, OnEvent: p.events.Add,
	})
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.relay = r
	p.mu.Unlock()
	in, out, debug := r.Sockets()
	p.ended.follow("publisher", in)
	p.ended.follow("subscriber", out)
	if debug != nil {
		p.ended.follow("debug", debug)
	}
	p.embed.Begin(r)
	p.ready.Set(true)
	return nil
}

// overflows are the values of the option "queue.full".
var overflows = map[string]carrier.Overflow{
	"auto": carrier.Auto, "block": carrier.Block, "drop_new": carrier.Drop, "drop_old": carrier.DropOld,
	"latest_per_topic": carrier.LatestPerTopic,
}

// stallTimeout is the option "queue.block".
func (p *PostOffice) stallTimeout() time.Duration { return max(p.queueBlock.Get(), time.Millisecond) }

// subscriberLimit is what may be queued for one subscriber at present.
func (p *PostOffice) subscriberLimit() (messages int, bytes int64) {
	return int(p.queueMessages.Get()), p.queueBytes.Get()
}

// Set implements Component. A bound of the queues takes effect at once.
func (p *PostOffice) Set(key, value string) error {
	if err := p.component.Set(key, value); err != nil || !strings.HasPrefix(key, "queue.") {
		return err
	}
	if r := p.current(); r != nil {
		r.Limit()
	}
	return nil
}

// shutDown relays what is on its way, and gives up what cannot be sent in time.
func (p *PostOffice) shutDown() error {
	p.endShowing()
	unsent := p.current().Stop(&p.limit)
	p.embed.End()
	if unsent > 0 {
		return errorf(ETIMEOUT, "%s stopped with %d messages not sent", p.who(), unsent)
	}
	return nil
}

func (p *PostOffice) current() *relay.Relay {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.relay
}

// endpoints are the bound addresses of all sides, of a post office that runs.
func (p *PostOffice) endpoints() (all []string) {
	in, out, debug := p.current().Sockets()
	all = append(in.Endpoints(), out.Endpoints()...)
	if debug != nil {
		all = append(all, debug.Endpoints()...)
	}
	return all
}

// factOf is what Get knows besides options.
func (p *PostOffice) factOf(key string) (string, bool) {
	if key != "endpoint.in" && key != "endpoint.out" && key != "endpoint.debug" {
		return "", false
	}
	r := p.current()
	if r == nil {
		return "", true
	}
	in, out, debug := r.Sockets()
	switch {
	case key == "endpoint.in":
		return endpointOf(in), true
	case key == "endpoint.out":
		return endpointOf(out), true
	case debug != nil:
		return endpointOf(debug), true
	}
	return "", true
}
