package core

import (
	"fmt"
	"iter"
	"time"
	"unicode/utf8"

	"github.com/hermes-zmq/hermes/internal/address"
	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/clock"
	"github.com/hermes-zmq/hermes/internal/deadline"
	"github.com/hermes-zmq/hermes/internal/faultinject"
	"github.com/hermes-zmq/hermes/internal/herr"
	"github.com/hermes-zmq/hermes/internal/multipath"
	"github.com/hermes-zmq/hermes/internal/notify"
	"github.com/hermes-zmq/hermes/internal/option"
	"github.com/hermes-zmq/hermes/internal/queue"
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
	addresses address.List

	slowAfter     *option.Duration
	onSlow        *option.Choice
	clockSkew     *option.Choice
	jsonLost      *option.Choice
	originsFilter *originsFilter
	queueMessages *option.Size
	queueBytes    *option.Size
	queueFull     *option.Policy
	queueBlock    *option.Duration

	redundant     *option.Choice
	redundantHold *option.Duration

	topics  subscriptions
	inlet   carrier.Inlet // guarded by component.mu
	arrival arrival
	inbox   inbox
	loan    loan
}

var _ Component = (*Receiver)(nil)

// NewReceiver makes a receiver called name that connects to addresses, which are
// separated by commas; one that begins with '@' is bound instead. Without a
// subscription it follows every topic.
func NewReceiver(addresses, name string) (*Receiver, error) {
	if err := checkName("receiver", name); err != nil {
		return nil, err
	}
	a, err := address.ParseList(addresses, false)
	if err != nil {
		return nil, err
	}
	r := &Receiver{addresses: a}
	r.init("receiver", name, addresses, hooks{start: r.openUp, stop: r.shutDown, fact: r.factOf, reason: r.idleReason})

	r.links.Add(carrier.SUB, a.Connect)
	r.inbox.init()
	r.addNetworkOptions()
	r.slowAfter = option.NewDuration(time.Second)
	r.onSlow = option.NewChoice("stop", "drop", "warn", "ignore")
	r.clockSkew = option.NewChoice("off", "guard")
	r.jsonLost = option.NewChoice("off", "on")
	r.originsFilter = &originsFilter{option.NewChoice("on", "age", "off"), &r.arrival}
	r.queueMessages = option.NewSize(1_000_000, option.MaxCount)
	r.queueBytes = option.NewSize(256<<20, option.MaxBytes)
	r.queueFull = option.NewPolicy(queue.DropNew)
	r.queueBlock = option.NewDuration(time.Second)
	o := &r.options
	o.Add("timeout", "how old an envelope may be on arrival", true, r.slowAfter)
	o.Add("on_slow", "what an older one does: stop the receiver, drop (the envelope), warn, or ignore", true, r.onSlow)
	o.Add("clock.skew", "what to do about clocks that differ: off, or guard (measure the age of an origin's envelopes from the quickest one of them)", true, r.clockSkew)
	o.Add("json.lost", "whether hermes_recv_json tells how many envelopes are missing before one, as a fifth element, where some are: on or off", true, r.jsonLost)
	o.Add("origins.filter", "what the accepted origins are for: on (the envelopes of all others are dropped, once one was accepted), age (those of others pass, and are never too old; setting it begins with no accepted origin), or off (every origin passes)", true, r.originsFilter)
	o.Add("queue.messages", "how many envelopes may wait to be taken", true, r.queueMessages)
	o.Add("queue.bytes", "how many bytes of them", true, r.queueBytes)
	o.Add("queue.full", "what happens when the queue is full: block (the receiver stops reading, which holds back whoever sends), drop_new, drop_old, latest_per_topic (of each topic only the newest stays), or error (the receiver stops)", false, r.queueFull)
	o.Add("queue.block", "how long it stops reading before it drops what is new, where queue.full is block", true, r.queueBlock)
	r.redundant = option.NewChoice("auto", "on", "off")
	r.redundantHold = option.NewDuration(2 * time.Second)
	o.Add("redundant", "whether the addresses lead to copies of the same envelopes, of which one is delivered: auto (where it connects to several), on, or off", false, r.redundant)
	o.Add("redundant.hold", "how long an envelope is held for earlier ones that may still come over another path", true, r.redundantHold)
	return r, nil
}

func (r *Receiver) openUp() error {
	opener, err := r.pick(r.addresses)
	if err != nil {
		return err
	}
	r.arrival.begin()
	var ways []address.List
	if r.redundant.Is("on") || r.redundant.Is("auto") && len(r.addresses.Connect) > 1 {
		ways = r.addresses.Split()
		r.arrival.expect(len(ways))
	}
	first := r.inbox.open(r.queueFull.Get())
	inlet, err := r.openInlet(opener, ways)
	if err != nil {
		r.inbox.close()
		if first {
			r.inbox.reset() // it never has been started
		}
		return herr.Open(r.who(), err)
	}
	r.topics.attach(inlet)
	r.mu.Lock()
	r.inlet = inlet
	r.mu.Unlock()
	return nil
}

// openInlet opens one inlet for all addresses, or one for each of several ways.
func (r *Receiver) openInlet(opener carrier.Opener, ways []address.List) (carrier.Inlet, error) {
	cfg := carrier.InletConfig{Config: r.carrierConfig(carrier.SUB, r.addresses)}
	cfg.Hermes = "2"
	if len(ways) > 0 {
		return multipath.Open(opener, cfg, ways, r.deliverFrom, r.onPath)
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
		r.ready.Set(r.arrival.peers.Add(1) > 0)
	case carrier.Disconnected:
		r.ready.Set(r.arrival.peers.Add(-1) > 0)
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
	prefixes, err := wire.Prefixes(topic)
	if err != nil {
		return herr.Text("the topic", err)
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
	prefixes, err := wire.Prefixes(topic)
	if err != nil {
		return herr.Text("the topic", err)
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

// Accept lets envelopes of this origin in; the first call turns away all others,
// which are counted.
func (r *Receiver) Accept(origin string) error {
	if !utf8.ValidString(origin) {
		return herr.Text("the origin", wire.ErrUTF8)
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
		d.tellsLost = r.jsonLost.Is("on")
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
	return limits{now: now, received: clock.Seconds(clock.TimeOfDay()), slowAfter: r.slowAfter.Get().Seconds(), onSlow: r.onSlow.String(), guard: r.clockSkew.Is("guard"), ageOfAll: !r.originsFilter.Is("age")}
}

func (r *Receiver) bound() queue.Bound {
	return queue.Bound{Messages: r.queueMessages.Get(), Bytes: r.queueBytes.Get()}
}

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
	d := deadline.After(r.queueBlock.Get())
	defer d.Stop()
	select {
	case <-full:
		return true
	case <-d.C:
	case <-r.arrival.ended.Opened():
	}
	return false
}

// report turns what was noticed on arrival into events.
func (r *Receiver) report(l *limits) {
	a := &r.arrival
	if l.malformed != nil {
		if n, pass := a.malformedPace.Pass(l.now, l.skipped); pass {
			r.events.Add(notify.Event{Kind: "malformed", Level: notify.Warning, Count: n,
				Text: fmt.Sprintf("%s skipped malformed input: %v", r.who(), l.malformed)})
		}
	}
	if l.dropped > 0 {
		r.reportFull(l.now, l.dropped)
	}
	if l.lost > 0 {
		if n, pass := a.lostPace.Pass(l.now, l.lost); pass {
			e := notify.Event{Kind: "lost", Level: notify.Warning, Count: n,
				Topic: string(wire.Text(l.gapTopic, nil)), Origin: string(wire.Text(l.gapOrigin, nil))}
			e.Text = fmt.Sprintf("%s misses %d envelopes, the last ones of topic %q from %q", r.who(), n, e.Topic, e.Origin)
			r.events.Add(e)
		}
	}
	if l.lagging > l.slow && l.onSlow != "ignore" && !a.over {
		if n, pass := a.lagPace.Pass(l.now, l.lagging); pass {
			r.events.Add(notify.Event{Kind: "lagging", Level: notify.Warning, Count: n,
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
	if r.queueFull.Get() == queue.Error {
		a.over = true
		r.events.Add(notify.Event{Kind: "overflow", Level: notify.Error, Count: uint64(dropped), Text: text})
		r.endLater("overflow: " + text)
	} else if n, pass := a.overflowPace.Pass(now, uint64(dropped)); pass {
		r.events.Add(notify.Event{Kind: "overflow", Level: notify.Warning, Count: n, Text: fmt.Sprintf("%s, %d dropped (%s)", text, n, r.queueFull)})
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
	s := ReceiverStats{base: r.base(), Ready: r.ready.IsOpen(), Peers: inletPeers(r.currentInlet())}
	r.inbox.mu.Lock()
	defer r.inbox.mu.Unlock()
	r.inbox.laid()
	s.receiverCounters, s.Queued, s.QueuedBytes = r.inbox.counters, r.inbox.count, r.inbox.bytes
	s.lag = r.inbox.lag
	return s
}

// StatsJSON implements Component.
func (r *Receiver) StatsJSON() []byte { return statsJSON(r.Stats()) }

// TimedOut is the error of a wait that was in vain, with the reason as far as it is known:
// for those who wait elsewhere than in Take.
func (r *Receiver) TimedOut() error {
	return errorf(ETIMEOUT, "nothing arrived at %s%s", r.who(), r.reasonWhy())
}

// idleReason says why nothing arrives though nothing is wrong with the connections.
func (r *Receiver) idleReason() string {
	peers := r.arrival.peers.Load()
	if peers <= 0 {
		return "waits for a peer to connect"
	}
	r.inbox.mu.Lock()
	defer r.inbox.mu.Unlock()
	r.inbox.laid()
	switch c := &r.inbox.counters; {
	case c.Arrived == 0:
		return fmt.Sprintf("is connected to %d peer(s), and nothing that it subscribes to has come: %s", peers, r.topics.text())
	case c.Arrived == c.DroppedOrigin:
		return fmt.Sprintf("has received %d envelopes, all of other origins than it accepts", c.Arrived)
	case c.Arrived == c.DroppedMalformed:
		return fmt.Sprintf("has received %d messages, none of which is an envelope", c.Arrived)
	case c.Arrived == c.DroppedStale:
		return fmt.Sprintf("has received %d envelopes, all older than %v: its clock or that of the sender may be wrong", c.Arrived, r.slowAfter)
	}
	return ""
}
