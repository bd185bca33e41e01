package core

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hermes-zmq/hermes/internal/address"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/deadline"
	"github.com/hermes-zmq/hermes/internal/embed"
	"github.com/hermes-zmq/hermes/internal/errs"
	"github.com/hermes-zmq/hermes/internal/notify"
	"github.com/hermes-zmq/hermes/internal/queue"
	"github.com/hermes-zmq/hermes/internal/random"
	"github.com/hermes-zmq/hermes/internal/readiness"
	"github.com/hermes-zmq/hermes/internal/safe"
	"github.com/hermes-zmq/hermes/internal/sendqueue"
	"github.com/hermes-zmq/hermes/internal/systemtopic"
	"github.com/hermes-zmq/hermes/internal/telemetry"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// Publisher sends envelopes to a post office, or to any ZeroMQ SUB or XSUB.
//
// Publish checks an envelope and queues it, waiting for room if the queue is full. The
// sender's goroutine sends; if it is asleep and the connection is idle, the calling goroutine
// sends instead. An envelope gets its time when it is sent.
//
// While there is no subscription, envelopes are held for up to the option "ready.hold",
// counted anew each time a peer connects or disconnects, or the last subscription ends.
// Envelopes sent after that may be lost.
//
// All methods may be called from any goroutine. The envelopes of one goroutine are sent in
// the order in which it published them.
type Publisher struct {
	component
	addresses address.List
	origin    []byte // the name as a JSON string

	publisherOptions

	queue       sendqueue.Queue
	templates   wire.TemplateCache // of data that was published
	subscribers readiness.Tracker

	// Of the present or last run; written with component.life and mu held, read with either.
	outlet carrier.Outlet
	sender *sendqueue.Sender // sends what is queued to outlet

	resent      uint64 // by outlets of former runs; guarded as these
	unconfirmed atomic.Uint64

	sending sync.WaitGroup // the sender's goroutines

	overflow      sync.Mutex // guards overflowLimit
	overflowLimit notify.Limiter

	audience telemetry.Audience // of its own state, and that of receivers that publish through it

	embed embed.Publisher // what foreign runtimes use besides
}

var _ Component = (*Publisher)(nil)

// The bounds of the carrier's queue for one peer. They are small on purpose: envelopes should
// wait in the publisher's own queue, which counts them, and get their time when they leave it.
const (
	carrierMessages = 10_000
	carrierBytes    = 4 << 20
)

// retain bounds what is kept for one post office that stores durable topics, until it has: plenty for what
// is under way, since it confirms within milliseconds.
var retain = carrier.Retain{Messages: 100_000, Bytes: 32 << 20}

// NewPublisher makes a publisher called name, which is also the origin of what it
// publishes unless Publish is told otherwise. It connects to addresses, which are
// separated by commas; one that begins with '@' is bound instead.
func NewPublisher(addresses, name string) (*Publisher, error) {
	if err := checkName("publisher", name); err != nil {
		return nil, err
	}
	a, err := address.ParseList(addresses, false)
	if err != nil {
		return nil, err
	}
	p := &Publisher{addresses: a}
	if p.origin, err = wire.AppendString(nil, name); err != nil {
		return nil, errs.Text("the name", err)
	}
	p.init("publisher", name, addresses, hooks{start: p.openUp, stop: p.shutDown, fact: p.factOf, endpoints: p.endpoints, reason: p.idleReason})
	p.links.Add(carrier.PUB, a.Connect)
	p.queue.Init(random.Uint32)
	p.embed.Init(&p.queue, p.origin, p.tryRow, p.putFrames)
	p.addNetworkOptions()
	p.show(name, "its name", p.StatsJSON, func() *telemetry.Audience { return &p.audience }, p.publishState)
	p.publisherOptions.add(&p.options)
	return p, nil
}

func init() {
	embed.PublisherOf = func(publisher any) *embed.Publisher { return &publisher.(*Publisher).embed }
}

func (p *Publisher) openUp() error {
	opener, err := p.pick(p.addresses)
	if err != nil {
		return err
	}
	p.subscribers.Begin()
	p.audience.Begin(nil)
	p.queue.Start(sendqueue.Config{Policy: p.queueFull.Get(), Numbered: p.sequence.Is("on"), Bound: p.bound})
	p.queue.OpenStaging(p.origin, wire.LastFrame(p.sequence.Is("on")), p.network.message.Get())
	outlet, err := opener.OpenOutlet(p.outletConfig())
	if err != nil {
		p.queue.Drain()
		p.queue.Close()
		p.queue.DropAll(0) // what was published since Start
		return errs.Open(p.who(), err)
	}
	sender := &sendqueue.Sender{Queue: &p.queue, Outlet: outlet, Subscribed: p.subscribers.Subscribed, Fail: p.Fail,
		HoldFor: func() time.Duration { return p.subscribers.HoldFor(p.readyHold.Get()) }}
	before := retentionOf(p.currentOutlet()).Resent
	p.mu.Lock()
	p.resent += before
	p.outlet, p.sender = outlet, sender
	p.mu.Unlock()
	p.ended.follow("subscriber", outlet)
	p.sending.Add(2)
	safe.Go(p.Fail, func() {
		defer p.sending.Done()
		sender.Run()
	})
	safe.Go(p.Fail, func() {
		defer p.sending.Done()
		sender.RunStaged()
	})
	return nil
}

func (p *Publisher) outletConfig() carrier.OutletConfig {
	cfg := carrier.OutletConfig{
		Config:        p.carrierConfig(carrier.PUB, p.addresses),
		Overflow:      carrier.Wait,
		QueueMessages: carrierMessages,
		QueueBytes:    carrierBytes,
		Retain:        retain,
	}
	if p.redundant.Is("on") || p.redundant.Is("auto") && len(p.addresses.Connect) > 1 {
		cfg.StalledPathTimeout = max(p.redundantWait.Get(), time.Millisecond)
	}
	cfg.Hermes = "2" // a post office may hold it back
	cfg.System = systemtopic.Root
	cfg.OnEvent = p.onEvent
	return cfg
}

// bound is the present bound of the queue.
func (p *Publisher) bound() queue.Bound {
	return queue.Bound{Messages: p.queueMessages.Get(), Bytes: p.queueBytes.Get()}
}

// Set implements Component. A bound of the queue takes effect at once.
func (p *Publisher) Set(key, value string) error {
	err := p.component.Set(key, value)
	p.queue.Retry() // or callers would wait for room, under the old bound, until something is sent
	return err
}

// Close implements Component.
func (p *Publisher) Close() error {
	err := p.component.Close()
	p.queue.Dispose()
	return err
}

// The carrier calls onEvent on its own goroutines, one event at a time, possibly holding its
// event lock; it must not block or call the outlet.
func (p *Publisher) onEvent(e carrier.Event) {
	if p.subscribers.Note(e) {
		p.ready.Set(p.subscribers.Subscribed())
		p.queue.Changed()
	}
	// If there are other peers, one of them has usually taken the same envelopes.
	if e.Unsent > 0 && p.subscribers.Alone() {
		p.queue.CountLost(e.Unsent)
	}
	p.audience.Note(e)
	p.peerEvent(carrier.PUB, p.addresses, e)
}

// shutDown sends what is queued, waits until it is confirmed where a post office stores it, and drops what
// cannot be sent in time.
func (p *Publisher) shutDown() error {
	p.endShowing()
	p.limit.Await(p.queue.Drain())
	retainer, retains := p.outlet.(carrier.Retainer)
	if retains {
		p.limit.Await(retainer.Confirmed())
	}
	p.queue.Close() // the sender ends, once a Send that waits has returned
	unsent := p.limit.Close(p.outlet)
	p.sending.Wait()
	unconfirmed := 0
	if retains {
		unconfirmed = retainer.GiveUp()
		p.unconfirmed.Add(uint64(unconfirmed))
	}
	switch n := p.queue.DropAll(unsent); {
	case n > 0:
		return errorf(ETIMEOUT, "%s stopped with %d envelopes not sent%s", p.who(), n, because(p.links.ProblemAtEnd()))
	case unconfirmed > 0:
		return errorf(ETIMEOUT, "%s stopped with %d envelopes of durable topics that its post office has not confirmed%s", p.who(), unconfirmed, because(p.links.ProblemAtEnd()))
	}
	return nil
}

// Publish queues one envelope: topic and origin as text, data as one JSON value.
// An empty origin stands for the publisher's name. If the queue is full, the option
// "queue.full" decides: by default Publish waits for room, for at most "queue.block", and then
// returns EFULL.
func (p *Publisher) Publish(topic, origin string, data []byte) error {
	return publish(p, topic, origin, data, origin == "")
}

// PublishBytes is Publish for text in byte slices, which are read during the call only.
// A nil origin stands for the publisher's name; an empty one is just empty.
func (p *Publisher) PublishBytes(topic, origin, data []byte) error {
	return publish(p, topic, origin, data, origin == nil)
}

// PublishTraced is Publish for an envelope that carries a trace context in the form of W3C Trace Context, such
// as "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01". It travels only if it is sampled (the last bit is set).
func (p *Publisher) PublishTraced(topic, origin string, data []byte, traceparent string) error {
	var from []byte
	if origin != "" {
		from = []byte(origin)
	}
	return p.embed.PublishTraced([]byte(topic), from, data, traceparent)
}

// PublishValue is Publish for a Go value, which is encoded as JSON. A struct that
// embeds Message is encoded as one.
func (p *Publisher) PublishValue(topic string, v any) error {
	room := encodings.Get().(*[]byte)
	defer encodings.Put(room)
	data, err := appendData((*room)[:0], v)
	if err != nil {
		return err
	}
	if cap(data) <= mostKept {
		*room = data
	}
	return p.Publish(topic, "", data)
}

// encodings are buffers for values while they are encoded; Publish copies what is in them.
var encodings = sync.Pool{New: func() any { return new([]byte) }}

// mostKept is the size of a buffer that is kept for the next value, at most.
const mostKept = 64 << 10

// publish encodes and queues an envelope; own says that the origin is the publisher's
// name. The size comes first: a length that is wrong should be found before the text
// behind it is read.
func publish[T string | []byte](p *Publisher, topic, origin T, data []byte, own bool) error {
	if err := p.checkSize(len(topic) + len(origin) + len(data)); err != nil {
		return err
	}
	encoded := p.origin
	if !own {
		var room [64]byte
		var err error
		if encoded, err = wire.AppendString(room[:0], origin); err != nil {
			return errs.Text("the origin", err)
		}
	}
	if err := p.checkSize(len(topic) + len(encoded) + len(data)); err != nil {
		return err
	}
	if !p.templates.Valid(data) {
		return errorf(EJSON, "the data is %w: %s", wire.ErrJSON, excerpt(data))
	}
	if len(topic) > shortTopic {
		long, err := wire.AppendString(nil, topic)
		if err != nil {
			return errs.Text("the topic", err)
		}
		if err := p.checkSize(len(long) + len(encoded) + len(data)); err != nil {
			return err
		}
		return enqueue(p, long, encoded, data, sendqueue.Form{Encoded: true})
	}
	return enqueue(p, topic, encoded, data, sendqueue.Form{})
}

// shortTopic is the length up to which a topic, encoded as JSON, fits into frameAllowance:
// one byte becomes at most six. A longer topic is encoded before its size is checked, because
// a peer closes the connection on a message that exceeds its limit.
const shortTopic = 64 << 10

// enqueue queues an envelope, and waits for room if the policy is block. The origin is a JSON
// value already, the data is valid, and the size is checked.
func enqueue[T string | []byte](p *Publisher, topic T, origin, data []byte, how sendqueue.Form) error {
	room, err := put(p, topic, origin, data, how)
	if room == nil {
		return err
	}
	d := deadline.After(p.queueBlock.Get())
	defer d.Stop()
	for room != nil {
		select {
		case <-room:
			room, err = put(p, topic, origin, data, how)
		case <-d.C:
			if !p.queue.CountTimedOut() {
				return p.notOpen()
			}
			return errorf(EFULL, "%w%s", p.isFull(), p.reasonWhy())
		}
	}
	return err
}

func (p *Publisher) isFull() error {
	return errorf(EFULL, "the queue of %s is full: %s envelopes or %s bytes", p.who(), p.queueMessages, p.queueBytes)
}

// noteDropped reports, as an event, envelopes that were dropped without an error to a caller.
func (p *Publisher) noteDropped(n int) {
	p.overflow.Lock()
	defer p.overflow.Unlock()
	if n, pass := p.overflowLimit.Pass(time.Now(), uint64(n)); pass {
		p.events.Add(notify.Event{Kind: "overflow", Level: notify.Warning, Count: n,
			Text: fmt.Sprintf("%v, %d dropped (queue.full = %s)", p.isFull(), n, p.queueFull)})
	}
}

func (p *Publisher) checkSize(size int) error {
	if limit := p.network.message.Get(); int64(size) > limit {
		return errorf(ETOOBIG, "%s: an envelope of %d bytes exceeds the option message.bytes, %d", p.who(), size, limit)
	}
	return nil
}

// put tries once. With policy block and no room it returns a channel that is closed when there
// may be room; other policies drop or fail.
func put[T string | []byte](p *Publisher, topic T, origin, data []byte, how sendqueue.Form) (room <-chan struct{}, err error) {
	done, err := sendqueue.Put(&p.queue, topic, origin, data, how)
	switch {
	case err != nil:
		return nil, errs.Text("the topic", err)
	case !done.Open:
		return nil, p.notOpen()
	case done.DroppedNew && p.queueFull.Get() == queue.Error:
		return nil, p.isFull()
	case done.DroppedNew:
		p.noteDropped(1)
	case done.Dropped > 0:
		p.noteDropped(done.Dropped)
	}
	if done.Asleep {
		p.currentSender().Wake()
	}
	return done.Room, nil
}

// notOpen is the error for publishing into a queue that takes nothing.
func (p *Publisher) notOpen() error {
	if err := p.check(); err != nil {
		return err
	}
	return errorf(ESTATE, "%s is stopping", p.who())
}

// PublishBatch queues many envelopes at once: a JSON array of [topic, origin, data], in
// which a null origin stands for the publisher's name, or [topic, origin, data, time],
// which goes out as it is, but for a null time, which is that of sending. Topic and origin
// may be any JSON value, though nearly all are strings; a time is a number, or what else
// receivers take for one (see the option "times"), or [topic, origin, data, time, traceparent]. Nothing is queued if anything is wrong
// with the text. It tells how many were queued.
func (p *Publisher) PublishBatch(text []byte) (int, error) {
	entries, err := wire.ParseBatch(text, p.origin)
	switch {
	case errors.Is(err, wire.ErrJSON):
		return 0, errorf(EJSON, "the batch is %w: %s", err, excerpt(text))
	case err != nil:
		return 0, errorf(EINVAL, "the batch: %w", err)
	}
	for i, e := range entries {
		if err := p.checkSize(e.Size()); err != nil {
			return 0, err
		}
		if err := checkTime(e.Time, p.times); err != nil {
			return 0, errorf(EINVAL, "the batch: element %d: %w", i, err)
		}
	}
	for i, e := range entries {
		if err := enqueue(p, e.Topic, e.Origin, e.Data, sendqueue.Form{Encoded: true, Time: e.Time}); err != nil {
			return i, err
		}
	}
	return len(entries), nil
}

// TryPublish queues one envelope, a JSON array as in a batch, and never waits. ETIMEOUT
// says that there is no room: then nothing was queued, nothing is counted, and the
// descriptor tells when to try again.
func (p *Publisher) TryPublish(text []byte) error {
	e, err := wire.ParseEntry(text, p.origin)
	switch {
	case errors.Is(err, wire.ErrJSON):
		return errorf(EJSON, "the envelope is %w: %s", err, excerpt(text))
	case err != nil:
		return errorf(EINVAL, "the envelope: %w", err)
	}
	if err := p.checkSize(e.Size()); err != nil {
		return err
	}
	if err := checkTime(e.Time, p.times); err != nil {
		return errorf(EINVAL, "the envelope: %w", err)
	}
	room, err := put(p, e.Topic, e.Origin, e.Data, sendqueue.Form{Encoded: true, Time: e.Time})
	if room != nil {
		return errorf(ETIMEOUT, "the queue of %s is full for now", p.who())
	}
	return err
}

// tryRow is for package embed: see embed.Publisher.Init.
func (p *Publisher) tryRow(topic, origin, data []byte) error {
	if err := p.checkSize(len(topic) + len(origin) + len(data)); err != nil {
		return err
	}
	room, err := put(p, topic, origin, data, sendqueue.Form{Encoded: true})
	if room != nil {
		return errorf(ETIMEOUT, "the queue of %s is full for now", p.who())
	}
	return err
}

// putFrames is embed.Publisher.PublishFrames.
func (p *Publisher) putFrames(topic, origin, data, time []byte) error {
	if err := p.checkSize(len(topic) + len(origin) + len(data)); err != nil {
		return err
	}
	return enqueue(p, topic, origin, data, sendqueue.Form{Encoded: true, Time: time})
}

// FD is a descriptor that polls readable unless the queue is full: an attempt that found
// no room makes it unreadable until there is some, or until nothing is taken any more. It
// must only be waited on, and ends with Close.
func (p *Publisher) FD() (int, error) {
	fd, err := p.queue.FD()
	return p.descriptor(fd, err)
}

// factOf returns what Get knows besides options.
func (p *Publisher) factOf(key string) (string, bool) {
	if o := p.currentOutlet(); key == "endpoint" && o != nil {
		return endpointOf(o), true
	}
	return "", key == "endpoint"
}

// endpoints are the bound addresses of a publisher that runs.
func (p *Publisher) endpoints() []string { return p.currentOutlet().Endpoints() }

func (p *Publisher) currentOutlet() carrier.Outlet {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.outlet
}

func (p *Publisher) currentSender() *sendqueue.Sender {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sender
}

// idleReason returns why nothing is sent although the connections have no problem.
func (p *Publisher) idleReason() string {
	switch peers, subscriptions := p.subscribers.Count(); {
	case peers <= 0:
		return "no peer has connected"
	case subscriptions == 0:
		return fmt.Sprintf("connected (peers: %d), but no receiver has subscribed to anything", peers)
	}
	if r := retentionOf(p.currentOutlet()); r.Full {
		return fmt.Sprintf("the post office has not confirmed %d envelopes of durable topics: perhaps its backlog is full", r.Messages)
	}
	return ""
}
