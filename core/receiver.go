package core

import (
	"fmt"
	"iter"
	"time"
	"unicode/utf8"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/faultinject"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// Receiver takes envelopes from a post office, or from any ZeroMQ PUB or XPUB.
//
// What arrives is checked, filtered by origin and by age, and queued until somebody
// takes it. Where it follows several post offices, each of which has a copy of all, it
// takes the first copy of each envelope, in the order in which they were sent. A receiver that cannot keep up does not fall behind for ever: with the
// option "on_slow" at its default, an envelope that is older than "timeout" on
// arrival stops it (the ZeroMQ guide's suicidal snail).
type Receiver struct {
	component
	addresses addresses

	slowAfter     *durationVar
	onSlow        *choiceVar
	clockSkew     *choiceVar
	jsonLost      *choiceVar
	originsFilter *originsFilterVar
	queueMessages *sizeVar
	queueBytes    *sizeVar
	queueFull     *choiceVar
	queueBlock    *durationVar

	redundant     *choiceVar
	redundantHold *durationVar

	topics  subscriptions
	inlet   carrier.Inlet // guarded by component.mu
	arrival arrival
	inbox   inbox
	loan    loan
}

var _ Component = (*Receiver)(nil)

// NewReceiver makes a receiver called name that connects to address; several are
// separated by commas, and one that begins with '@' is bound instead. Without a
// subscription it follows every topic.
func NewReceiver(address, name string) (*Receiver, error) {
	if err := checkName("receiver", name); err != nil {
		return nil, err
	}
	a, err := parseAddresses(address, false)
	if err != nil {
		return nil, err
	}
	r := &Receiver{addresses: a}
	r.init("receiver", name, address)
	r.component.open, r.component.shut, r.component.fact, r.component.idly = r.openUp, r.shutDown, r.factOf, r.idleBecause
	r.network.add(carrier.SUB, a)
	r.inbox.init()
	r.networkOptions()
	r.slowAfter = newDuration(time.Second)
	r.onSlow = newChoice("stop", "drop", "warn", "ignore")
	r.clockSkew = newChoice("off", "guard")
	r.jsonLost = newChoice("off", "on")
	r.originsFilter = &originsFilterVar{newChoice("on", "age", "off"), &r.arrival}
	r.queueMessages = newSize(1_000_000, maxCount)
	r.queueBytes = newSize(256<<20, maxBytes)
	r.queueFull = newFull(fullDropNew)
	r.queueBlock = newDuration(time.Second)
	o := &r.options
	o.add("timeout", "how old an envelope may be on arrival", true, r.slowAfter)
	o.add("on_slow", "what an older one does: stop the receiver, drop (the envelope), warn, or ignore", true, r.onSlow)
	o.add("clock.skew", "what to do about clocks that differ: off, or guard (measure the age of an origin's envelopes from the quickest one of them)", true, r.clockSkew)
	o.add("json.lost", "whether hermes_recv_json tells how many envelopes are missing before one, as a fifth element, where some are: on or off", true, r.jsonLost)
	o.add("origins.filter", "what the accepted origins are for: on (the envelopes of all others are dropped, once one was accepted), age (those of others pass, and are never too old; setting it begins with no accepted origin), or off (every origin passes)", true, r.originsFilter)
	o.add("queue.messages", "how many envelopes may wait to be taken", true, r.queueMessages)
	o.add("queue.bytes", "how many bytes of them", true, r.queueBytes)
	o.add("queue.full", "what happens when the queue is full: block (the receiver stops reading, which holds back whoever sends), drop_new, drop_old, latest_per_topic (of each topic only the newest stays), or error (the receiver stops)", false, r.queueFull)
	o.add("queue.block", "how long it stops reading before it drops what is new, where queue.full is block", true, r.queueBlock)
	r.redundant = newChoice("auto", "on", "off")
	r.redundantHold = newDuration(2 * time.Second)
	o.add("redundant", "whether the addresses lead to copies of the same envelopes, of which one is delivered: auto (where it connects to several), on, or off", false, r.redundant)
	o.add("redundant.hold", "how long an envelope is held for earlier ones that may still come over another path", true, r.redundantHold)
	return r, nil
}

func (r *Receiver) openUp() error {
	opener, err := r.pick(r.addresses)
	if err != nil {
		return err
	}
	r.arrival.begin()
	var ways []addresses
	if r.redundant.is("on") || r.redundant.is("auto") && len(r.addresses.connect) > 1 {
		ways = r.addresses.split()
		r.arrival.expect(len(ways))
	}
	first := r.inbox.open(r.queueFull.String())
	inlet, err := r.openInlet(opener, ways)
	if err != nil {
		r.inbox.close()
		if first {
			r.inbox.reset() // it never has been started
		}
		return openError(r.who(), err)
	}
	r.topics.attach(inlet)
	r.mu.Lock()
	r.inlet = inlet
	r.mu.Unlock()
	return nil
}

// openInlet opens one inlet for all addresses, or one for each of several ways.
func (r *Receiver) openInlet(opener carrier.Opener, ways []addresses) (carrier.Inlet, error) {
	cfg := carrier.InletConfig{Config: r.carrierConfig(carrier.SUB, r.addresses)}
	cfg.Hermes = "2"
	if len(ways) > 0 {
		return openPaths(opener, cfg, ways, r.deliverFrom, r.onPath)
	}
	cfg.Deliver = r.deliver
	cfg.ReaderLease = r.Waker() != nil // somebody waits outside of Go
	cfg.OnEvent = r.onEvent
	return opener.OpenInlet(cfg)
}

func (r *Receiver) shutDown() error {
	r.topics.detach()
	r.readOut()
	r.arrival.end()
	r.endLoan()
	r.currentInlet().Close()
	r.letGo()
	r.inbox.close()
	if w := r.Waker(); w != nil {
		w.Rest()
	}
	return nil
}

// onEvent is called by the carrier.
func (r *Receiver) onEvent(e carrier.Event) {
	switch e.Kind {
	case carrier.Connected:
		r.ready.set(r.arrival.peers.Add(1) > 0)
	case carrier.Disconnected:
		r.ready.set(r.arrival.peers.Add(-1) > 0)
		r.endLoan()
	}
	r.peerEvent(carrier.SUB, r.addresses, e)
}

// Subscribe follows the topics that begin with topic. The first subscription
// replaces "every topic"; an empty one asks for it again. Subscriptions are
// counted. A topic that begins with a quotation mark is a raw prefix of the first
// frame on the wire. A JSON value that is no string, or the beginning of an array or object,
// follows topics that are such values as well: their text is their JSON text.
func (r *Receiver) Subscribe(topic string) error {
	prefixes, err := wirePrefixes(topic)
	if err != nil {
		return err
	}
	r.arrival.forget()
	for i, prefix := range prefixes {
		if err := r.topics.add(prefix); err != nil {
			for _, added := range prefixes[:i] {
				_, _ = r.topics.remove(added)
			}
			return err
		}
	}
	return nil
}

// Unsubscribe undoes one Subscribe. When the last is gone nothing is received.
func (r *Receiver) Unsubscribe(topic string) error {
	prefixes, err := wirePrefixes(topic)
	if err != nil {
		return err
	}
	for _, prefix := range prefixes {
		known, err := r.topics.remove(prefix)
		if err == nil && !known {
			err = errorf(EINVAL, "%s has not subscribed to %q", r.who(), topic)
		}
		if err != nil {
			return err
		}
	}
	r.arrival.forget()
	return nil
}

// wirePrefixes are what a topic prefix looks like on the wire: that of topics that are
// strings, as nearly all are, and where it can be one, that of topics that are not.
func wirePrefixes(topic string) ([][]byte, error) {
	if topic == "" {
		return [][]byte{{}}, nil
	}
	if topic[0] == '"' {
		if !utf8.ValidString(topic) {
			return nil, textError("the topic", wire.ErrUTF8)
		}
		return [][]byte{[]byte(topic)}, nil
	}
	prefix, err := wire.AppendPrefix(nil, topic)
	if err != nil {
		return nil, textError("the topic", err)
	}
	if topic[0] == '[' || topic[0] == '{' || wire.Valid([]byte(topic)) {
		return [][]byte{prefix, []byte(topic)}, nil
	}
	return [][]byte{prefix}, nil
}

// Accept lets envelopes of this origin in; the first call turns away all others,
// which are counted.
func (r *Receiver) Accept(origin string) error {
	if !utf8.ValidString(origin) {
		return textError("the origin", wire.ErrUTF8)
	}
	r.arrival.accept(origin)
	return nil
}

// Recv takes the oldest envelope.
func (r *Receiver) Recv(timeout time.Duration) (Envelope, error) {
	d, err := r.Take(1, timeout)
	if err != nil {
		return Envelope{}, err
	}
	defer d.Release()
	return d.Envelope(0), nil
}

// All takes envelopes until the receiver has stopped and nothing is left, or is closed, in
// the body of the loop too: then nothing that is left comes. It gives nothing where the
// receiver never was started.
func (r *Receiver) All() iter.Seq[Envelope] {
	return func(yield func(Envelope) bool) {
		for {
			e, err := r.Recv(-1)
			if err != nil || !yield(e) || r.closed() {
				return
			}
		}
	}
}

// Take takes up to most envelopes, and waits for the first one only. ESTATE where
// the receiver never was started, ESTOPPED where it has stopped and nothing is left.
func (r *Receiver) Take(most int, timeout time.Duration) (*Delivery, error) {
	if most < 1 {
		return nil, errorf(EINVAL, "%s cannot take %d envelopes; the least is 1", r.who(), most)
	}
	if timeout != 0 && r.loan.lent.Load() {
		r.endLoan()
	}
	d, how := r.inbox.take(most, timeout)
	if how == timedOut && r.fetch() {
		d, how = r.inbox.take(most, 0)
	}
	switch how {
	case taken:
		d.tellsLost = r.jsonLost.is("on")
		return d, nil
	case timedOut:
		if timeout == 0 {
			return nil, errorf(ETIMEOUT, "nothing arrived at %s", r.who()) // to look is no wait, and must cost little
		}
		return nil, r.TimedOut()
	}
	if err := r.check(); err != nil && how == neverOpened {
		return nil, err
	}
	return nil, r.stopped()
}

// Undelivered counts n envelopes that Take has given as dropped_overflow, and no longer as
// delivered: the caller had no memory to hand them on.
func (r *Receiver) Undelivered(n int) {
	r.inbox.mu.Lock()
	defer r.inbox.mu.Unlock()
	r.inbox.counters.Delivered -= uint64(n)
	r.inbox.counters.DroppedOverflow += uint64(n)
}

// Waker is told that there may be something to take from a receiver.
type Waker interface {
	// Wake is called with every arrival and at the end, with locks held: it must
	// be quick and must not call the receiver.
	Wake()
	// Rest is called when the receiver has stopped; Wake may still be.
	Rest()
}

// SetWaker is for those who wait elsewhere than in Take. To miss nothing they look
// with Take, and a timeout of 0, after they have begun to listen.
func (r *Receiver) SetWaker(w Waker) {
	r.inbox.mu.Lock()
	defer r.inbox.mu.Unlock()
	r.inbox.waker = w
}

// Waker is what SetWaker has set.
func (r *Receiver) Waker() Waker {
	r.inbox.mu.Lock()
	defer r.inbox.mu.Unlock()
	return r.inbox.waker
}

// FD is a descriptor that polls readable as long as there is an envelope to take,
// or the receiver has stopped. It must only be waited on, and ends with Close.
func (r *Receiver) FD() (int, error) {
	fd, err := r.inbox.descriptor()
	r.endLoan() // and from now on there is none
	return r.descriptor(fd, err)
}

// Set implements Component. A bound of the queue holds at once.
func (r *Receiver) Set(key, value string) error {
	err := r.component.Set(key, value)
	r.inbox.mu.Lock()
	defer r.inbox.mu.Unlock()
	r.inbox.retry() // where it makes room, who waits would not hear of it before something is taken
	return err
}

// Close implements Component.
func (r *Receiver) Close() error {
	err := r.component.Close()
	r.inbox.dropTray()
	r.inbox.dispose()
	return err
}

func (r *Receiver) currentInlet() carrier.Inlet {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.inlet
}

func (r *Receiver) factOf(key string) (string, bool) {
	if in := r.currentInlet(); key == "endpoint" && in != nil {
		return boundTo(in), true
	}
	return "", key == "endpoint"
}

// deliver is called by the carrier with what has arrived.
func (r *Receiver) deliver(b *batch.Batch) {
	faultinject.At("receiver")
	if left := r.letIn(0, b); len(left) > 0 {
		r.holdBack(b, left)
	}
}

// letIn takes in as much of a batch, which has come over a path, as it should. What has to wait for room is left.
func (r *Receiver) letIn(path int, b *batch.Batch) (left []item) {
	a := &r.arrival
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over {
		return nil
	}
	limits := r.limits()
	a.stage.reset()
	for i := 0; i < b.Len() && !a.over; i++ {
		r.admit(b, i, path, &limits)
	}
	left, limits.dropped = r.inbox.commit(b, &a.stage, r.bound())
	r.report(&limits)
	return append([]item(nil), left...) // the stage is for the next batch
}

// limits are what the next batch is measured against.
func (r *Receiver) limits() limits {
	now := time.Now()
	return limits{now: now, received: seconds(timeOfDay()), slowAfter: r.slowAfter.get().Seconds(), onSlow: r.onSlow.String(), guard: r.clockSkew.is("guard"), ageOfAll: !r.originsFilter.is("age")}
}

func (r *Receiver) bound() bound { return bound{r.queueMessages.get(), r.queueBytes.get()} }

// holdBack waits with what has found no room, and so keeps the carrier from reading on:
// until there is room, for as long as "queue.block" allows without any, or until the
// receiver stops.
func (r *Receiver) holdBack(b *batch.Batch, left []item) {
	for {
		n, full := r.inbox.admit(b, left, r.bound())
		if left = left[n:]; len(left) == 0 {
			return
		}
		if n == 0 && !r.awaitRoom(full) {
			break
		}
	}
	r.inbox.turnAway(len(left))
	a := &r.arrival
	a.mu.Lock()
	defer a.mu.Unlock()
	r.reportFull(time.Now(), len(left))
}

// awaitRoom reports false where there will be none, or none in time.
func (r *Receiver) awaitRoom(full <-chan struct{}) bool {
	d := after(r.queueBlock.get())
	defer d.stop()
	select {
	case <-full:
		return true
	case <-d.c:
	case <-r.arrival.ended.opened():
	}
	return false
}

// report turns what was noticed on arrival into events.
func (r *Receiver) report(l *limits) {
	a := &r.arrival
	if l.malformed != nil {
		if n, pass := a.malformedPace.pass(l.now, l.skipped); pass {
			r.events.add(Event{Kind: "malformed", Level: levelWarning, Count: n,
				Text: fmt.Sprintf("%s skipped malformed input: %v", r.who(), l.malformed)})
		}
	}
	if l.dropped > 0 {
		r.reportFull(l.now, l.dropped)
	}
	if l.lost > 0 {
		if n, pass := a.lostPace.pass(l.now, l.lost); pass {
			e := Event{Kind: "lost", Level: levelWarning, Count: n,
				Topic: string(wire.Text(l.gapTopic, nil)), Origin: string(wire.Text(l.gapOrigin, nil))}
			e.Text = fmt.Sprintf("%s misses %d envelopes, the last ones of topic %q from %q", r.who(), n, e.Topic, e.Origin)
			r.events.add(e)
		}
	}
	if l.lagging > l.slow && l.onSlow != "ignore" && !a.over {
		if n, pass := a.lagPace.pass(l.now, l.lagging); pass {
			r.events.add(Event{Kind: "lagging", Level: levelWarning, Count: n,
				Text: fmt.Sprintf("%s falls behind: an envelope was %.3f s old on arrival, the limit is %v", r.who(), l.lag, r.slowAfter)})
		}
	}
	if l.future > 0 {
		r.reportFuture(l)
	}
	if l.slow > 0 {
		r.reportSlow(l)
	}
}

// reportFull tells that the queue is full, and what that has cost; the caller holds the
// lock of the arrival.
func (r *Receiver) reportFull(now time.Time, dropped int) {
	a := &r.arrival
	text := fmt.Sprintf("the queue of %s is full: %s envelopes or %s bytes", r.who(), r.queueMessages, r.queueBytes)
	if r.queueFull.is(fullError) {
		a.over = true
		r.events.add(Event{Kind: "overflow", Level: levelError, Count: uint64(dropped), Text: text})
		r.endLater("overflow: " + text)
	} else if n, pass := a.overflowPace.pass(now, uint64(dropped)); pass {
		r.events.add(Event{Kind: "overflow", Level: levelWarning, Count: n, Text: fmt.Sprintf("%s, %d dropped (%s)", text, n, r.queueFull)})
	}
}

// ReceiverStats are a receiver's counters, in envelopes unless they say bytes. At
// any moment arrived = delivered + queued + held + dropped_origin + dropped_stale +
// dropped_malformed + dropped_overflow + dropped_old + dropped_conflated +
// dropped_duplicate.
type ReceiverStats struct {
	base
	receiverCounters
	lag
	Queued      int64  `json:"queued"`
	QueuedBytes int64  `json:"queued_bytes"`
	Ready       bool   `json:"ready"`
	Peers       []Peer `json:"peers"`
}

// Stats takes the counters at one instant.
func (r *Receiver) Stats() ReceiverStats {
	s := ReceiverStats{base: r.base(), Ready: r.ready.isOpen(), Peers: inletPeers(r.currentInlet())}
	r.inbox.mu.Lock()
	defer r.inbox.mu.Unlock()
	r.inbox.laid()
	s.receiverCounters, s.Queued, s.QueuedBytes = r.inbox.counters, r.inbox.count, r.inbox.bytes
	s.lag = r.inbox.lag
	return s
}

// StatsJSON implements Component.
func (r *Receiver) StatsJSON() []byte { return statsJSON(r.Stats()) }
