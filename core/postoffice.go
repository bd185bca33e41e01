package core

import (
	"strings"
	"time"

	"github.com/hermes-zmq/hermes/internal/address"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/lastvalue"
	"github.com/hermes-zmq/hermes/internal/option"
	"github.com/hermes-zmq/hermes/internal/relay"
)

// PostOffice is a broker (an XSUB/XPUB proxy): it relays between publishers, which connect
// to its incoming side, and receivers, which connect to its outgoing side. It does not look
// into what it relays: any ZeroMQ PUB, SUB, XPUB or XSUB may connect, with any frames. It
// subscribes upstream only to what its receivers have subscribed to.
type PostOffice struct {
	component
	in, out, debug address.List

	queueMessages *option.Size
	queueBytes    *option.Size
	queueFull     *option.Choice
	queueBlock    *option.Duration
	cache         cacheOptions

	relay    *relay.Relay   // of the present or last run; guarded by component.mu
	counters relay.Counters // over all runs
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
	p.queueFull = option.NewChoice("auto", "block", "drop_new", "drop_old", "latest_per_topic")
	p.queueBlock = option.NewDuration(10 * time.Second)
	o := &p.options
	o.Add("queue.messages", "maximum number of messages queued for one subscriber (engine libzmq: a change applies to new subscribers)", true, p.queueMessages)
	o.Add("queue.bytes", "maximum size of the queue for one subscriber, in bytes (engine zmtp only)", true, p.queueBytes)
	o.Add("queue.full", "what happens when a subscriber does not keep up: auto (publishers are held back while every subscriber that follows them is behind; otherwise new messages are dropped for the slow one, once its queue is full), block (publishers are held back while any subscriber that follows them is behind), drop_new (discards the new message), drop_old (discards the oldest), or latest_per_topic (keeps only the newest message of each topic); the last two need the engine zmtp, and libzmq takes auto as drop_new", false, p.queueFull)
	o.Add("queue.block", "time for which a subscriber may take nothing while publishers are held back for it; after that messages are dropped for it until its queue is half empty", true, p.queueBlock)
	p.cache.add(o)
	return p, nil
}

// cacheOptions are the settings of the cache of last values.
type cacheOptions struct {
	depth  *option.Size
	topics *option.Prefixes
	bytes  *option.Size
	old    *option.Choice
}

// maxDepth bounds the envelopes that are kept of one topic.
const maxDepth = 1 << 20

func (c *cacheOptions) add(o *option.Set) {
	c.depth = option.NewSizeOrNone(maxDepth)
	c.topics = &option.Prefixes{}
	c.bytes = option.NewSize(64<<20, option.MaxBytes)
	c.old = option.NewChoice("off", "restamp")
	o.Add("cache.depth", "number of newest envelopes of each topic that are cached and sent to new subscribers; 0 switches the cache off (engine zmtp only)", false, c.depth)
	o.Add("cache.topics", "topic prefixes to cache, separated by commas; empty caches every topic", false, c.topics)
	o.Add("cache.bytes", "maximum memory of the cache, in bytes; beyond it the least recently updated topics are evicted", false, c.bytes)
	o.Add("cache.old", "what the cache sends to receivers that cannot tell a cached envelope from a delayed one, such as those of 1.x: off (nothing), or restamp (the envelopes, with the time of delivery as their time)", false, c.old)
}

// open makes an empty cache, or none.
func (c *cacheOptions) open() *lastvalue.Cache {
	depth := int(c.depth.Get())
	if depth == 0 {
		return nil
	}
	return lastvalue.New(lastvalue.Config{Depth: depth, Bytes: c.bytes.Get(), Prefixes: c.topics.Get(), Restamp: c.old.Is("restamp")})
}

func (p *PostOffice) openUp() error {
	r, err := relay.Open(relay.Config{
		Who: p.who(), In: p.in, Out: p.out, Debug: p.debug, Engine: p.network.engine.String(),
		Cache: p.cache.open(), CachePrefixes: p.cache.topics.Get(), Counters: &p.counters,
		Pick: p.pick, Socket: p.carrierConfig, Limit: p.subscriberLimit,
		Full: overflows[p.queueFull.String()], Stall: p.stallTimeout, OnPeer: p.peerEvent, OnEvent: p.events.Add,
	})
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.relay = r
	p.mu.Unlock()
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
	if unsent := p.current().Stop(&p.limit); unsent > 0 {
		return errorf(ETIMEOUT, "%s stopped with %d messages not sent", p.who(), unsent)
	}
	return nil
}

func (p *PostOffice) current() *relay.Relay {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.relay
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
		return boundTo(in), true
	case key == "endpoint.out":
		return boundTo(out), true
	case debug != nil:
		return boundTo(debug), true
	}
	return "", true
}
