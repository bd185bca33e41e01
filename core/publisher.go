package core

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/faultinject"
	"github.com/hermes-zmq/hermes/internal/safe"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// Publisher sends envelopes to a post office, or to any ZeroMQ SUB or XSUB.
//
// Publish puts an envelope into a bounded queue and returns; one goroutine, the
// pump, takes what has gathered there, stamps the time on it and hands it to the
// carrier. While nobody has subscribed yet the pump holds back, for a while, so
// that a program that starts, or a post office that restarts, loses nothing.
type Publisher struct {
	component
	addresses addresses
	origin    []byte // the name as a JSON string

	queueMessages *sizeVar
	queueBytes    *sizeVar
	queueBlock    *durationVar
	queueFull     *choiceVar
	readyHold     *durationVar
	sequence      *choiceVar
	redundant     *choiceVar
	redundantWait *durationVar
	times         *choiceVar

	q        queue
	outlet   carrier.Outlet
	pumping  sync.WaitGroup
	audience audience
	numbers  numbering
	shapes   wire.TemplateCache // of data that was published

	caller holder // who publishes

	overflow     sync.Mutex // guards overflowPace
	overflowPace pacer
}

var _ Component = (*Publisher)(nil)

// What a publisher lets the carrier hold for one peer. It is little on purpose:
// what waits should wait in our own queue, where it is counted, and the time is
// stamped on an envelope when it leaves there.
const (
	carrierMessages = 10_000
	carrierBytes    = 4 << 20
)

// NewPublisher makes a publisher called name, which is also the origin of what it
// publishes unless Publish is told otherwise. It connects to address; several are
// separated by commas, and one that begins with '@' is bound instead.
func NewPublisher(address, name string) (*Publisher, error) {
	if err := checkName("publisher", name); err != nil {
		return nil, err
	}
	a, err := parseAddresses(address, false)
	if err != nil {
		return nil, err
	}
	p := &Publisher{addresses: a}
	if p.origin, err = wire.AppendString(nil, name); err != nil {
		return nil, textError("the name", err)
	}
	p.init("publisher", name, address)
	p.component.open, p.component.shut, p.component.fact, p.component.idly = p.openUp, p.shutDown, p.factOf, p.idleBecause
	p.network.add(carrier.PUB, a)
	p.q.init()
	p.networkOptions()
	p.queueMessages = newSize(1_000_000, maxCount)
	p.queueBytes = newSize(256<<20, maxBytes)
	p.queueBlock = newDuration(time.Second)
	p.queueFull = newFull(fullBlock)
	p.readyHold = newDuration(time.Second)
	p.sequence = newChoice("on", "off")
	o := &p.options
	o.add("queue.messages", "how many envelopes may wait to be sent", true, p.queueMessages)
	o.add("queue.bytes", "how many bytes of them", true, p.queueBytes)
	o.add("queue.full", "what publish does when the queue is full: block (wait for room), drop_new, drop_old, latest_per_topic (of each topic only the newest stays), or error (refuse at once)", false, p.queueFull)
	o.add("queue.block", "how long publish waits for room before it gives up, where queue.full is block", true, p.queueBlock)
	o.add("ready.hold", "how long envelopes are held back while nobody has subscribed", true, p.readyHold)
	o.add("sequence", "whether envelopes are numbered, so that receivers notice what is missing: on or off", false, p.sequence)
	p.redundant = newChoice("auto", "on", "off")
	p.redundantWait = newDuration(500 * time.Millisecond)
	o.add("redundant", "whether its peers are paths to the same receivers, so that one may go on without the other: auto (where it connects to several), on, or off", false, p.redundant)
	o.add("redundant.wait", "how long a path may keep the others waiting before it is left behind", false, p.redundantWait)
	p.times = newChoice("check", "any")
	o.add("times", "which times an envelope may be given in place of that of sending: check (those that receivers understand) or any (every JSON value, as in 1.x)", true, p.times)
	return p, nil
}

func (p *Publisher) openUp() error {
	opener, err := p.pick(p.addresses)
	if err != nil {
		return err
	}
	p.numbers.begin(rand.Uint32)
	p.audience.begin()
	p.q.start(p.sequence.is("on"), p.queueFull.String())
	p.openPocket()
	cfg := carrier.OutletConfig{
		Config:        p.carrierConfig(carrier.PUB, p.addresses),
		Overflow:      carrier.Wait,
		QueueMessages: carrierMessages,
		QueueBytes:    carrierBytes,
	}
	if p.redundant.is("on") || p.redundant.is("auto") && len(p.addresses.connect) > 1 {
		cfg.StalledPathTimeout = max(p.redundantWait.get(), time.Millisecond)
	}
	cfg.OnEvent = p.onEvent
	outlet, err := opener.OpenOutlet(cfg)
	if err != nil {
		p.q.drain()
		p.q.close()
		p.q.giveUp(0) // what somebody was quick enough to publish
		return openError(p.who(), err)
	}
	p.mu.Lock()
	p.outlet = outlet
	p.mu.Unlock()
	p.pumping.Add(1)
	safe.Go(p.Fail, func() {
		defer p.pumping.Done()
		p.pump(outlet)
	})
	return nil
}

// Set implements Component. A bound of the queue holds at once.
func (p *Publisher) Set(key, value string) error {
	err := p.component.Set(key, value)
	p.q.mu.Lock()
	defer p.q.mu.Unlock()
	p.q.gather()
	p.q.retry() // where it makes room, who waits would not hear of it before something is sent
	return err
}

// Close implements Component.
func (p *Publisher) Close() error {
	err := p.component.Close()
	p.q.dropPocket()
	p.q.dispose()
	return err
}

// onEvent is called by the carrier.
func (p *Publisher) onEvent(e carrier.Event) {
	if p.audience.note(e) {
		p.ready.set(p.audience.present())
		p.q.changed()
	}
	if e.Unsent > 0 && p.audience.alone() { // else another peer has them, as a rule
		p.q.lose(e.Unsent)
	}
	p.peerEvent(carrier.PUB, p.addresses, e)
}

// pump is the life of the publisher's goroutine.
func (p *Publisher) pump(outlet carrier.Outlet) {
	for p.q.waitForWork() {
		if p.q.hurried() {
			takeBreath()
		}
		hold := p.pumpOnce(outlet)
		if hold > 0 {
			p.q.waitForChange(hold)
		}
	}
}

// pumpOnce sends one batch, and ends the caller's turn at pumping. Where the time
// for that has not come it tells how long to hold back.
func (p *Publisher) pumpOnce(outlet carrier.Outlet) (hold time.Duration) {
	defer p.q.rest()
	if hold := p.audience.holdFor(p.readyHold.get()); hold > 0 {
		return hold
	}
	b := p.q.take()
	if b == nil {
		return 0
	}
	faultinject.At("publisher")
	numbered := p.q.numbered
	wire.Stamp(b, timeOfDay().UnixMicro(), numbered)
	if numbered {
		p.numbers.number(b)
	}
	p.q.settle(b, outlet.Send(b))
	return 0
}

// rouse sees to it that somebody sends what was put into an idle queue: the caller
// itself, where nobody has sent for a while and the way is free, which spares the
// envelope the wait for another thread; and otherwise the pump.
func (p *Publisher) rouse() {
	outlet := p.currentOutlet()
	if !outlet.Idle() || !p.audience.present() || !p.q.stepIn() {
		p.q.wake()
		return
	}
	safe.Do(p.Fail, func() { p.pumpOnce(outlet) })
	p.caller.show()
}

// shutDown flushes, and gives up what cannot be sent in time.
func (p *Publisher) shutDown() error {
	p.q.drain()
	p.limit.await(p.q.empty.opened())
	p.q.close() // the pump ends, once a Send that waits has returned
	unsent := p.limit.close(p.outlet)
	p.pumping.Wait()
	if n := p.q.giveUp(unsent); n > 0 {
		return errorf(ETIMEOUT, "%s stopped with %d envelopes not sent%s", p.who(), n, because(p.network.problemAtEnd()))
	}
	return nil
}

// Publish queues one envelope: topic and origin as text, data as one JSON value.
// An empty origin stands for the publisher's name. When the queue is full, the option
// "queue.full" says what happens: by default it waits, at most "queue.block", and then
// gives up with EFULL.
func (p *Publisher) Publish(topic, origin string, data []byte) error {
	return publish(p, topic, origin, data, origin == "")
}

// PublishBytes is Publish for text in byte slices, which are borrowed for the call.
// A nil origin stands for the publisher's name; an empty one is just empty.
func (p *Publisher) PublishBytes(topic, origin, data []byte) error {
	return publish(p, topic, origin, data, origin == nil)
}

// PublishValue is Publish for a Go value, which is encoded as JSON. A struct that
// embeds Message is encoded as one.
func (p *Publisher) PublishValue(topic string, v any) error {
	data, err := marshalData(v)
	if err != nil {
		return err
	}
	return p.Publish(topic, "", data)
}

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
			return textError("the origin", err)
		}
	}
	if err := p.checkSize(len(topic) + len(encoded) + len(data)); err != nil {
		return err
	}
	if !p.shapes.Valid(data) {
		return errorf(EJSON, "the data is %w: %s", wire.ErrJSON, excerpt(data))
	}
	if len(topic) > shortTopic {
		long, err := wire.AppendString(nil, topic)
		if err != nil {
			return textError("the topic", err)
		}
		if err := p.checkSize(len(long) + len(encoded) + len(data)); err != nil {
			return err
		}
		return enqueue(p, long, encoded, data, form{encoded: true})
	}
	return enqueue(p, topic, encoded, data, form{})
}

// form is what is special about an envelope.
type form struct {
	encoded bool   // the topic is a JSON value already
	time    []byte // its time, which is not to be that of sending, as a JSON value; else nil
}

// shortTopic is the length up to which escapes, six bytes for one at the worst, fit
// into frameAllowance. A longer topic is measured as it goes out: what exceeds the
// limit of a peer costs the connection.
const shortTopic = 64 << 10

// enqueue waits for room if it has to. The origin is a JSON value already, the data is
// valid, and the size is checked.
func enqueue[T string | []byte](p *Publisher, topic T, origin, data []byte, how form) error {
	full, err := put(p, topic, origin, data, how)
	if full == nil {
		return err
	}
	d := after(p.queueBlock.get())
	defer d.stop()
	for full != nil {
		select {
		case <-full:
			full, err = put(p, topic, origin, data, how)
		case <-d.c:
			if !p.q.refuse() {
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

// noteDropped tells of envelopes that were dropped without a word to who published.
func (p *Publisher) noteDropped(n int) {
	p.overflow.Lock()
	defer p.overflow.Unlock()
	if n, pass := p.overflowPace.pass(time.Now(), uint64(n)); pass {
		p.events.add(Event{Kind: "overflow", Level: levelWarning, Count: n,
			Text: fmt.Sprintf("%v, %d dropped (%s)", p.isFull(), n, p.queueFull)})
	}
}

func (p *Publisher) checkSize(size int) error {
	if limit := p.common.message.get(); int64(size) > limit {
		return errorf(ETOOBIG, "an envelope of %d bytes is above message.bytes, %d", size, limit)
	}
	return nil
}

// checkTime refuses a time with which every receiver would drop the envelope as
// malformed; nil is that of sending.
func (p *Publisher) checkTime(text []byte) error {
	if text == nil || p.times.is("any") {
		return nil
	}
	if _, _, _, ok := wire.ParseTime(text); !ok {
		return fmt.Errorf("its time, %s, is not a number, nor a text of one: give the seconds since 1970, or null for the time of sending", excerpt(text))
	}
	return nil
}

// put makes one attempt. Where the queue is full it gives a channel to wait on.
func put[T string | []byte](p *Publisher, topic T, origin, data []byte, how form) (full <-chan struct{}, err error) {
	done, err := tryPut(&p.q, topic, origin, data, how, bound{p.queueMessages.get(), p.queueBytes.get()})
	switch {
	case err != nil:
		return nil, textError("the topic", err)
	case !done.open:
		return nil, p.notOpen()
	case done.refused && p.queueFull.is(fullError):
		return nil, p.isFull()
	case done.refused:
		p.noteDropped(1)
	case done.dropped > 0:
		p.noteDropped(done.dropped)
	}
	if done.idle {
		p.rouse()
	}
	return done.full, nil
}

// notOpen is the error for publishing into a queue that takes nothing.
func (p *Publisher) notOpen() error {
	if err := p.check(); err != nil {
		return err
	}
	return errorf(ESTATE, "%s is stopping", p.who())
}

// excerpt shows the beginning of text that somebody got wrong.
func excerpt(text []byte) string {
	const most = 40
	if len(text) > most {
		return fmt.Sprintf("%q...", text[:most])
	}
	return fmt.Sprintf("%q", text)
}

// PublishBatch queues many envelopes at once: a JSON array of [topic, origin, data], in
// which a null origin stands for the publisher's name, or [topic, origin, data, time],
// which goes out as it is, but for a null time, which is that of sending. Topic and origin
// may be any JSON value, though nearly all are strings; a time is a number, or what else
// receivers take for one (see the option "times"). Nothing is queued if anything is wrong
// with the text. It tells how many were queued.
func (p *Publisher) PublishBatch(text []byte) (int, error) {
	if !wire.Valid(text) {
		return 0, errorf(EJSON, "the batch is %w: %s", wire.ErrJSON, excerpt(text))
	}
	entries, err := wire.ParseBatch(text, p.origin)
	if err != nil {
		return 0, errorf(EINVAL, "the batch: %w", err)
	}
	for i, e := range entries {
		if err := p.checkSize(e.Size()); err != nil {
			return 0, err
		}
		if err := p.checkTime(e.Time); err != nil {
			return 0, errorf(EINVAL, "the batch: element %d: %w", i, err)
		}
	}
	for i, e := range entries {
		if err := enqueue(p, e.Topic, e.Origin, e.Data, form{true, e.Time}); err != nil {
			return i, err
		}
	}
	return len(entries), nil
}

// TryPublish queues one envelope, a JSON array as in a batch, and never waits. ETIMEOUT
// says that there is no room: nothing has happened then, nothing is counted, and the
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
	if err := p.checkTime(e.Time); err != nil {
		return errorf(EINVAL, "the envelope: %w", err)
	}
	full, err := put(p, e.Topic, e.Origin, e.Data, form{true, e.Time})
	if full != nil {
		return errorf(ETIMEOUT, "the queue of %s is full for now", p.who())
	}
	return err
}

// FD is a descriptor that polls readable unless the queue is full: an attempt that found
// no room makes it unreadable until there is some, or until nothing is taken any more. It
// must only be waited on, and ends with Close.
func (p *Publisher) FD() (int, error) {
	fd, err := p.q.descriptor()
	return p.descriptor(fd, err)
}

func (p *Publisher) factOf(key string) (string, bool) {
	if o := p.currentOutlet(); key == "endpoint" && o != nil {
		return boundTo(o), true
	}
	return "", key == "endpoint"
}

func (p *Publisher) currentOutlet() carrier.Outlet {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.outlet
}
