package core

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/hermes-zmq/hermes/internal/address"
	"github.com/hermes-zmq/hermes/internal/admission"
	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/clock"
	"github.com/hermes-zmq/hermes/internal/embed"
	"github.com/hermes-zmq/hermes/internal/errs"
	"github.com/hermes-zmq/hermes/internal/faultinject"
	"github.com/hermes-zmq/hermes/internal/multipath"
	"github.com/hermes-zmq/hermes/internal/queue"
	"github.com/hermes-zmq/hermes/internal/recvqueue"
	"github.com/hermes-zmq/hermes/internal/subscription"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// The way of an envelope through a receiver:
//
//	socket → decoder → inlet (SUB side, package carrier) → deliver → admission → recvqueue.Put
//	recvqueue.Take → Take, Recv, All → caller
//
// The first line runs in a goroutine of the inlet, the second in that of the caller; the
// queue is between them. What admission notices becomes events in receiver_events.go.
//
// Locks, in their order: component.life; that of the reader lease, or that of the
// subscriptions; those of the inlet; those of admission; that of the queue. component.mu and
// that of the events may be taken under any of them, and none is taken under these two.

// Receiver takes envelopes from a post office, or from any ZeroMQ PUB or XPUB socket.
//
// What arrives is checked, filtered by origin and by age, and queued until it is taken.
// Where a receiver connects to several post offices that relay the same envelopes, it
// delivers the first copy of each, in the order in which they were sent. A receiver that
// cannot keep up does not fall behind for ever: with the option "on_slow" at its default, an
// envelope that is older than "timeout" on arrival stops it (the ZeroMQ guide's suicidal
// snail).
type Receiver struct {
	component
	addresses address.List
	receiverOptions
	limits receiverLimits // of its events

	subscriptions subscription.Set
	inlet         carrier.Inlet // guarded by component.mu
	peers         atomic.Int32  // connected now
	admission     *admission.Control
	queue         *recvqueue.Queue
	embed         embed.Receiver

	// What publishes the state of the receiver: that of the node, or one of its own while it runs. Guarded by
	// component.mu.
	nodePublisher, statsPublisher *Publisher
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
	r.init("receiver", name, addresses, hooks{start: r.openUp, stop: r.shutDown, fact: r.factOf, endpoints: r.endpoints, reason: r.idleReason})
	r.links.Add(carrier.SUB, a.Connect)
	r.queue = recvqueue.New(recvqueue.Limits{Bound: r.bound, BlockFor: func() time.Duration { return r.queueBlock.Get() }})
	r.admission = admission.New(admission.Config{
		Rules: r.rules, Hold: func() time.Duration { return r.redundantHold.Get() }, Report: r.report, Fail: r.Fail,
	}, r.queue)
	r.embed.Init(r.queue, embed.Hooks{Inlet: r.currentInlet, MayLease: r.mayLease, Error: r.noneTaken, SetTap: r.admission.SetTap})
	r.addNetworkOptions()
	r.show(name, "its name", r.StatsJSON, r.stateAudience, r.publishState)
	r.receiverOptions.add(&r.options)
	r.embed.AddOptions(&r.options)
	return r, nil
}

func init() {
	embed.ReceiverOf = func(receiver any) *embed.Receiver { return &receiver.(*Receiver).embed }
}

func (x *receiverOptions) bound() queue.Bound {
	return queue.Bound{Messages: x.queueMessages.Get(), Bytes: x.queueBytes.Get()}
}

// rules are what the next batch is measured against.
func (x *receiverOptions) rules() admission.Rules {
	return admission.Rules{SlowAfter: x.slowAfter.Get(), OnSlow: admission.OnSlow(x.onSlow.String()),
		GuardClocks: x.clockSkew.Is("guard"), Origins: admission.Origins(x.originsFilter.String())}
}

// mayLease reports whether a reader lease is allowed: not where an envelope that lies unread
// while its holder is away would soon be too old.
func (x *receiverOptions) mayLease() bool {
	return x.slowAfter.Get() >= 10*embed.MaxAway || x.onSlow.Is("ignore")
}

func (r *Receiver) openUp() (err error) {
	opener, err := r.pick(r.addresses)
	if err != nil {
		return err
	}
	if err := r.openStatsPublisher(); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			r.closeStatsPublisher(0)
		}
	}()
	var paths []address.List
	if r.redundant.Is("on") || r.redundant.Is("auto") && len(r.addresses.Connect) > 1 {
		paths = r.addresses.Split()
	}
	r.peers.Store(0)
	first := r.queue.Open(r.queueFull.Get())
	r.admission.Begin(len(paths))
	inlet, err := r.openInlet(opener, paths)
	if err != nil {
		r.queue.Close()
		if first {
			r.queue.UndoOpen()
		}
		if errors.Is(err, carrier.ErrHistory) {
			return errorf(ENOTSUP, "%s: the option since needs the engine zmtp, and %s uses libzmq (option engine = %s)", r.who(), strings.Join(r.addresses.All(), ","), r.network.engine)
		}
		return errs.Open(r.who(), err)
	}
	r.subscriptions.Attach(inlet)
	r.mu.Lock()
	r.inlet = inlet
	r.mu.Unlock()
	r.ended.follow("publisher", inlet)
	return nil
}

// openInlet opens one inlet for all addresses, or one for each of several redundant paths.
func (r *Receiver) openInlet(opener carrier.Opener, paths []address.List) (carrier.Inlet, error) {
	cfg := carrier.InletConfig{Config: r.carrierConfig(carrier.SUB, r.addresses)}
	cfg.Hermes = "2"
	cfg.Since = r.since.At(clock.TimeOfDay())
	if len(paths) > 0 {
		return multipath.Open(opener, cfg, paths, r.deliverFrom, r.onPath)
	}
	cfg.Deliver = r.deliver
	cfg.ReaderLease = r.embed.Waker() != nil // a thread outside of Go waits
	cfg.OnEvent = r.onEvent
	return opener.OpenInlet(cfg)
}

func (r *Receiver) shutDown() error {
	r.subscriptions.Detach()
	r.embed.ReadRest()
	r.admission.End()
	r.embed.EndLease()
	r.currentInlet().Close()
	r.admission.Flush()
	r.queue.Close()
	r.embed.Stopped()
	r.endShowing()
	timeout, _ := r.limit.Left()
	r.closeStatsPublisher(timeout)
	return nil
}

// deliver is called by the inlet with a batch that has arrived.
func (r *Receiver) deliver(b *batch.Batch) {
	faultinject.At("receiver")
	r.admission.Deliver(b)
}

// deliverFrom is deliver for one path of several.
func (r *Receiver) deliverFrom(path int, b *batch.Batch) {
	faultinject.At("receiver")
	r.admission.DeliverFrom(path, b)
}

// onPath is onEvent for one path of several.
func (r *Receiver) onPath(path int, e carrier.Event) {
	if e.Kind == carrier.Connected || e.Kind == carrier.Disconnected {
		r.admission.SetConnected(path, e.Kind == carrier.Connected)
	}
	r.onEvent(e)
}

// onEvent is called by the inlet.
func (r *Receiver) onEvent(e carrier.Event) {
	switch e.Kind {
	case carrier.Connected:
		r.ready.Set(r.peers.Add(1) > 0)
	case carrier.Disconnected:
		r.ready.Set(r.peers.Add(-1) > 0)
		r.embed.EndLease()
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
		return errs.Text("the topic", err)
	}
	if r.since.String() == "" {
		r.admission.SkipGaps()
	} // otherwise history has what was not subscribed to, and the numbers tell what of it has come before
	for i, prefix := range prefixes {
		if err := r.subscriptions.Add(prefix); err != nil {
			for _, added := range prefixes[:i] {
				_, _ = r.subscriptions.Remove(added)
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
		return errs.Text("the topic", err)
	}
	for _, prefix := range prefixes {
		known, err := r.subscriptions.Remove(prefix)
		if err == nil && !known {
			err = errorf(EINVAL, "%s: no subscription to %q", r.who(), topic)
		}
		if err != nil {
			return err
		}
	}
	r.admission.SkipGaps()
	return nil
}

// Accept lets envelopes of this origin in; the first call turns away all others,
// which are counted. See the option "origins.filter".
func (r *Receiver) Accept(origin string) error {
	if !utf8.ValidString(origin) {
		return errs.Text("the origin", wire.ErrUTF8)
	}
	r.admission.Accept(origin)
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

// Take takes up to most envelopes, and waits for the first one only. ETIMEOUT where none
// comes in time, ESTATE where the receiver never was started, ESTOPPED where it has stopped
// and nothing is left. The caller releases the Delivery.
func (r *Receiver) Take(most int, timeout time.Duration) (*Delivery, error) {
	if most < 1 {
		return nil, errorf(EINVAL, "%s cannot take %d envelopes; the least is 1", r.who(), most)
	}
	d := newDelivery()
	outcome := r.take(&d.taken, most, timeout)
	if outcome == recvqueue.Took {
		return d, nil
	}
	d.Release()
	return nil, r.noneTaken(outcome, timeout != 0)
}

// take is Take for a goroutine, which waits in the queue and not for the connection: so a
// thread outside of Go that holds the reader lease has to give it back, or may have left
// something unread.
func (r *Receiver) take(into *recvqueue.Taken, most int, timeout time.Duration) recvqueue.Outcome {
	if timeout == 0 {
		return r.embed.TakeInto(into, most)
	}
	if r.embed.Lease.Active() {
		r.embed.EndLease()
	}
	outcome := r.queue.Take(into, most, timeout)
	if outcome == recvqueue.TimedOut {
		outcome = r.embed.TakeInto(into, most)
	}
	return outcome
}

// noneTaken is the error of a take that gave nothing; of one that has waited, with the reason
// as far as that is known.
func (r *Receiver) noneTaken(o recvqueue.Outcome, waited bool) error {
	if o == recvqueue.TimedOut {
		why := ""
		if waited { // a poll must cost little
			why = r.reasonWhy()
		}
		return errorf(ETIMEOUT, "nothing arrived at %s%s", r.who(), why)
	}
	if err := r.check(); err != nil && o == recvqueue.NeverOpened {
		return err
	}
	return r.stopped()
}

// FD is a descriptor that polls readable as long as there is an envelope to take,
// or the receiver has stopped. It must only be waited on, and ends with Close.
func (r *Receiver) FD() (int, error) {
	fd, err := r.queue.FD()
	r.embed.EndLease() // and from now on there is none
	return r.descriptor(fd, err)
}

// Set implements Component. A bound of the queue holds at once.
func (r *Receiver) Set(key, value string) error {
	err := r.component.Set(key, value)
	if err == nil && key == "origins.filter" && r.originsFilter.Is("age") {
		r.admission.ForgetOrigins() // a program that decides itself what it wants says so whenever that changes
	}
	r.queue.BoundChanged() // where it makes room, a Put that waits must hear of it
	return err
}

// Close implements Component.
func (r *Receiver) Close() error {
	err := r.component.Close()
	r.queue.Dispose()
	return err
}

func (r *Receiver) currentInlet() carrier.Inlet {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.inlet
}

// endpoints are the bound addresses of a receiver that runs.
func (r *Receiver) endpoints() []string { return r.currentInlet().Endpoints() }

func (r *Receiver) factOf(key string) (string, bool) {
	if in := r.currentInlet(); key == "endpoint" && in != nil {
		return endpointOf(in), true
	}
	return "", key == "endpoint"
}

// idleReason says why nothing arrives though nothing is wrong with the connections.
func (r *Receiver) idleReason() string {
	peers := r.peers.Load()
	if peers <= 0 {
		return "no peer has connected"
	}
	switch s := r.queue.Stats(); {
	case s.Arrived == 0:
		return fmt.Sprintf("connected (peers: %d), but no envelope has arrived for its subscriptions: %s", peers, &r.subscriptions)
	case s.Arrived == s.DroppedOrigin:
		return fmt.Sprintf("%d envelopes arrived, all from origins that it does not accept", s.Arrived)
	case s.Arrived == s.DroppedMalformed:
		return fmt.Sprintf("%d messages arrived, none of them a valid envelope", s.Arrived)
	case s.Arrived == s.DroppedStale:
		return fmt.Sprintf("%d envelopes arrived, all older than the option timeout, %v: compare the clocks of both machines", s.Arrived, r.slowAfter)
	}
	return ""
}
