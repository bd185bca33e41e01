package core

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/fds"
	"github.com/hermes-zmq/hermes/internal/libzmq"
	"github.com/hermes-zmq/hermes/internal/safe"
	"github.com/hermes-zmq/hermes/internal/wire"
	"github.com/hermes-zmq/hermes/internal/zmtp"
)

// Component is what Publisher, Receiver, PostOffice and Node have in common.
type Component interface {
	// Name is what the component was called when it was made.
	Name() string
	// Start binds or begins to connect, and returns. A component that was stopped may
	// be started again. ESTATE while it runs, EADDRESS, EADDRINUSE and EIO where
	// the network refuses.
	Start() error
	// Stop stops the component and waits until it has. What is queued for sending is
	// sent first, for at most timeout; ETIMEOUT says that some was given up, and
	// the counters say how much. Stopping what does not run does nothing. Where
	// another stop is under way, that one has no more time than this one.
	Stop(timeout time.Duration) error
	// Close stops the component for good, flushing for at most the option "linger",
	// and wakes whoever waits on it with ESTOPPED. Closing twice does nothing.
	Close() error
	// Wait waits until the component does not run. EINTERNAL where it has failed.
	Wait(timeout time.Duration) error
	// WaitReady waits until the component can do its work: a publisher has seen a
	// subscription, a receiver is connected, a post office is bound.
	WaitReady(timeout time.Duration) error
	// Set changes an option, and Get reads one, or a fact; see Options and
	// docs/configuration.md.
	Set(key, value string) error
	Get(key string) (string, error)
	// Options lists what Set takes.
	Options() []Option
	// StatsJSON is the component's counters, taken at one instant, as a JSON object.
	StatsJSON() []byte
	// NextEvent takes the oldest notice. ETIMEOUT where none comes in time,
	// ESTOPPED where none can come any more.
	NextEvent(timeout time.Duration) (Event, error)
	// Fail stops the component as if err had happened inside it.
	Fail(err error)
}

type state int32

const (
	stateNew state = iota
	stateRunning
	stateStopping
	stateStopped
	stateClosed
)

func (s state) String() string {
	return [...]string{"new", "running", "stopping", "stopped", "closed"}[s]
}

// component is the life of a Component: its state, options, readiness and notices. What a
// kind of component does in its life is in its hooks.
type component struct {
	kind, name string
	address    string
	options    options
	engine     *choiceVar
	linger     *durationVar
	common     commonOptions

	life    sync.Mutex // one Start, Stop or Close at a time
	limit   patience   // of the stop under way
	mu      sync.Mutex
	state   state
	run     uint64 // which of its runs this is, from 1 on
	reason  string // why it stopped
	unsent  string // what the last stop had to give up, for people
	failure error
	idle    gate // not running
	ready   gate
	events  eventLog
	network connectivity

	open func() error                                // start: opens sockets and goroutines
	shut func() error                                // stop: ends them, within limit; called once for each open
	fact func(key string) (value string, known bool) // what Get knows besides options; may be nil
	idly func() string                               // why nothing comes or goes though all connections stand; may be nil
}

// commonOptions are the settings that go to the carrier.
type commonOptions struct {
	message           *sizeVar
	heartbeatInterval *durationVar
	heartbeatTimeout  *durationVar
	reconnectMin      *durationVar
	reconnectMax      *durationVar
	handshake         *durationVar
	limits            struct{ connections, frames, handshake, subscriptions, subscriptionBytes *sizeVar }
}

// carriers are the transports there are, best first.
var carriers = func() *carrier.Set {
	s := &carrier.Set{}
	s.Add(carrier.EngineZMTP, zmtp.Opener{})
	s.Add(carrier.EngineLibzmq, libzmq.Opener{})
	return s
}()

func (p *component) init(kind, name, address string) {
	p.kind, p.name, p.address = kind, name, address
	p.idle.set(true)
	p.engine = newChoice(carrier.EngineAuto, carrier.EngineZMTP, carrier.EngineLibzmq)
	p.linger = newDuration(time.Second)
	p.network.init(p.who(), p.events.add)
}

// networkOptions adds what every component with sockets can be told.
func (p *component) networkOptions() {
	c := &p.common
	c.message = newSize(256<<20, maxMessage)
	c.heartbeatInterval = newDuration(3 * time.Second)
	c.heartbeatTimeout = newDuration(6 * time.Second)
	c.reconnectMin = newDuration(100 * time.Millisecond)
	c.reconnectMax = newDuration(2 * time.Second)
	c.handshake = newDuration(10 * time.Second)
	o := &p.options
	o.add("engine", "which carrier moves the bytes: auto, zmtp (our own, for tcp and ipc), or libzmq", false, p.engine)
	o.add("linger", "how long closing may flush", true, p.linger)
	o.add("message.bytes", "largest envelope that is sent or accepted", false, c.message)
	o.add("heartbeat.interval", "how often a silent peer is asked for a sign of life (libzmq: by TCP, in whole seconds); 0 is never", false, c.heartbeatInterval)
	o.add("heartbeat.timeout", "how long its answer is waited for before it counts as gone", false, c.heartbeatTimeout)
	o.add("reconnect.min", "first pause before connecting again; it doubles up to reconnect.max", false, c.reconnectMin)
	o.add("reconnect.max", "longest pause before connecting again", false, c.reconnectMax)
	o.add("handshake.timeout", "how long a new peer may take to introduce itself", false, c.handshake)
	p.limitOptions()
}

// limitOptions adds what one peer may cost, at most.
func (p *component) limitOptions() {
	l, d := &p.common.limits, carrier.DefaultLimits
	l.connections = newSize(int64(d.Connections), maxLimit)
	l.frames = newSize(int64(d.Frames), maxLimit)
	l.handshake = newSize(int64(d.HandshakeBytes), maxLimit)
	l.subscriptions = newSize(int64(d.Subscriptions), maxLimit)
	l.subscriptionBytes = newSize(int64(d.SubscriptionBytes), maxLimit)
	o := &p.options
	const ours = " (our own carrier only)"
	o.add("limit.connections", "how many peers may be connected at once; more are refused"+ours, false, l.connections)
	o.add("limit.frames", "how many frames a message may have; a peer that sends more is dropped"+ours, false, l.frames)
	o.add("limit.handshake.bytes", "how long a peer's introduction may be"+ours, false, l.handshake)
	o.add("limit.subscriptions", "how many topics a peer may ask for; one that asks for more is dropped"+ours, false, l.subscriptions)
	o.add("limit.subscriptions.bytes", "how many bytes these may have together"+ours, false, l.subscriptionBytes)
}

// carrierConfig is what the options say, for a socket at these addresses.
func (p *component) carrierConfig(typ carrier.Type, a addresses) carrier.Config {
	c := &p.common
	heartbeat := c.heartbeatInterval.get()
	if heartbeat == 0 {
		heartbeat = -1
	}
	return carrier.Config{
		Type: typ, Bind: a.bind, Connect: a.connect,
		MaxMessage:        c.message.get() + frameAllowance,
		HandshakeTimeout:  c.handshake.get(),
		HeartbeatInterval: heartbeat,
		HeartbeatTimeout:  c.heartbeatTimeout.get(),
		ReconnectMin:      c.reconnectMin.get(),
		ReconnectMax:      c.reconnectMax.get(),
		Limits: carrier.Limits{
			Connections:       int(c.limits.connections.get()),
			Frames:            int(c.limits.frames.get()),
			HandshakeBytes:    int(c.limits.handshake.get()),
			Subscriptions:     int(c.limits.subscriptions.get()),
			SubscriptionBytes: int(c.limits.subscriptionBytes.get()),
		},
		OnFailure: p.Fail,
	}
}

// frameAllowance is room for topic, origin, time and framing beside the data.
const frameAllowance = 1 << 20

// pick chooses the carrier for a socket that is opened next.
func (p *component) pick(a addresses) (carrier.Opener, error) {
	if err := checkDescriptors(); err != nil {
		return nil, &Error{Code: EIO, Text: fmt.Sprintf("%s cannot open a socket: %s", p.who(), fds.Describe(err)), Err: err}
	}
	o, err := carriers.Pick(p.engine.String(), a.all()...)
	if err != nil {
		return nil, openError(p.who(), err)
	}
	return o, nil
}

// who names the component in texts.
func (p *component) who() string { return fmt.Sprintf("%s %q", p.kind, p.name) }

// Name implements Component.
func (p *component) Name() string { return p.name }

// Start implements Component.
func (p *component) Start() error {
	p.life.Lock()
	defer p.life.Unlock()
	p.mu.Lock()
	s := p.state
	if s == stateNew || s == stateStopped {
		p.state, p.reason, p.unsent, p.failure = stateRunning, "", "", nil
		p.run++
		p.idle.set(false)
	}
	p.mu.Unlock()
	switch s {
	case stateClosed:
		return errorf(ESTATE, "%s is closed", p.who())
	case stateRunning, stateStopping:
		return errorf(ESTATE, "%s has been started already", p.who())
	}
	p.limit.forget()
	var started *Event
	p.events.open()
	defer func() { p.events.opened(started) }()
	p.network.begin()
	if err := p.open(); err != nil {
		p.network.end()
		p.settle(s)
		return err
	}
	started = &Event{Kind: "started", Level: levelInfo, Text: fmt.Sprintf("%s started at %s", p.who(), p.address)}
	return nil
}

// settle ends the running state.
func (p *component) settle(s state) {
	p.ready.set(false)
	p.mu.Lock()
	p.state = s
	p.mu.Unlock()
	p.idle.set(true)
	p.events.some.poke()
}

// Stop implements Component.
func (p *component) Stop(timeout time.Duration) error {
	number := p.limit.enqueue(timeout)
	p.life.Lock()
	defer p.life.Unlock()
	p.limit.dequeue(number)
	return p.end("stop", timeout)
}

// StopBegin begins to stop the component as Stop does, and does not wait for it. It does nothing
// to a component that does not run, nor to one that is started again before it comes to that.
func (p *component) StopBegin(timeout time.Duration) {
	p.mu.Lock()
	run, running := p.run, p.state == stateRunning || p.state == stateStopping
	p.mu.Unlock()
	if running {
		p.endRun(run, "stop", timeout)
	}
}

// Close implements Component.
func (p *component) Close() error {
	linger := p.linger.get()
	number := p.limit.enqueue(linger)
	p.life.Lock()
	defer p.life.Unlock()
	p.limit.dequeue(number)
	err := p.end("close", linger)
	p.mu.Lock()
	p.state = stateClosed
	p.mu.Unlock()
	p.events.some.poke()
	return err
}

// closed reports whether Close has ended.
func (p *component) closed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state == stateClosed
}

// end takes a running component down. The caller holds life.
func (p *component) end(reason string, timeout time.Duration) error {
	p.mu.Lock()
	running := p.state == stateRunning
	if running {
		p.state = stateStopping
		p.limit.begin(timeout)
		if p.reason == "" {
			p.reason = reason
		}
		reason = p.reason
	}
	p.mu.Unlock()
	if !running {
		return nil
	}
	p.network.end()
	err := p.shut()
	p.limit.end()
	level := levelInfo
	text := fmt.Sprintf("%s stopped (%s)", p.who(), firstLine(reason))
	if err != nil {
		level, text = levelWarning, err.Error()
		p.mu.Lock()
		p.unsent = text
		p.mu.Unlock()
	}
	p.events.add(Event{Kind: "stopped", Level: level, Text: text})
	p.settle(stateStopped)
	return err
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// endLater stops the component from one of its own goroutines, which must not wait for
// itself. If it runs anew by then, that is another life and none of its business.
func (p *component) endLater(reason string) {
	p.mu.Lock()
	run := p.run
	p.mu.Unlock()
	p.endRun(run, reason, 0)
}

// endRun is endLater for a run that may have ended, and may flush for timeout.
func (p *component) endRun(run uint64, reason string, timeout time.Duration) {
	p.mu.Lock()
	if p.run != run {
		p.mu.Unlock()
		return
	}
	if p.reason == "" {
		p.reason = reason
	}
	p.mu.Unlock()
	number := p.limit.enqueue(timeout)
	safe.Go(nil, func() {
		p.life.Lock()
		defer p.life.Unlock()
		p.limit.dequeue(number)
		p.mu.Lock()
		same := p.run == run
		p.mu.Unlock()
		if same {
			_ = p.end(reason, timeout)
		}
	})
}

// Fail implements Component.
func (p *component) Fail(err error) {
	p.mu.Lock()
	first := p.failure == nil
	if first {
		p.failure = err
	}
	p.mu.Unlock()
	if !first {
		return
	}
	p.events.add(Event{Kind: "failed", Level: levelError, Text: fmt.Sprintf("%s failed: %v", p.who(), err)})
	p.endLater("failed: " + err.Error())
}

// check reports why an operation that needs a running component cannot go on.
func (p *component) check() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch p.state {
	case stateRunning:
		return nil
	case stateNew:
		return errorf(ESTATE, "%s has not been started", p.who())
	}
	return errorf(ESTATE, "%s has been stopped", p.who())
}

// stopped is the error for waiting on something that runs no more.
func (p *component) stopped() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failure != nil {
		return errorf(ESTOPPED, "%s failed: %w", p.who(), p.failure)
	}
	if p.reason != "" {
		return errorf(ESTOPPED, "%s has stopped (%s)", p.who(), p.reason)
	}
	return errorf(ESTOPPED, "%s has stopped", p.who())
}

// Wait implements Component.
func (p *component) Wait(timeout time.Duration) error {
	d := after(timeout)
	defer d.stop()
	select {
	case <-p.idle.opened():
	default:
		select {
		case <-p.idle.opened():
		case <-d.c:
			return errorf(ETIMEOUT, "%s is still running", p.who())
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failure != nil {
		return errorf(EINTERNAL, "%s failed: %w", p.who(), p.failure)
	}
	return nil
}

// WaitReady implements Component.
func (p *component) WaitReady(timeout time.Duration) error {
	if p.ready.isOpen() {
		return nil
	}
	if err := p.check(); err != nil {
		return err
	}
	d := after(timeout)
	defer d.stop()
	select {
	case <-p.ready.opened():
		return nil
	case <-p.idle.opened():
		return p.stopped()
	case <-d.c:
		return errorf(ETIMEOUT, "%s is not ready%s", p.who(), p.reasonWhy())
	}
}

// Options implements Component.
func (p *component) Options() []Option {
	out := make([]Option, len(p.options))
	for i, o := range p.options {
		out[i] = o.Option
	}
	return out
}

// Set implements Component.
func (p *component) Set(key, value string) error {
	o, ok := p.options.find(key)
	if !ok {
		return errorf(EOPTION, "%s has no option %q; there are %s", p.who(), key, p.options.keys())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !o.Live && p.state != stateNew && p.state != stateStopped {
		return errorf(ESTATE, "option %q of %s can be set only while it is not running", key, p.who())
	}
	if err := o.variable.set(value); err != nil {
		return errorf(EOPTION, "option %q of %s cannot be %q: %w", key, p.who(), value, err)
	}
	return nil
}

// Get implements Component.
func (p *component) Get(key string) (string, error) {
	if o, ok := p.options.find(key); ok {
		return o.variable.String(), nil
	}
	p.mu.Lock()
	s, reason, unsent := p.state, p.reason, p.unsent
	p.mu.Unlock()
	switch key {
	case "name":
		return p.name, nil
	case "address":
		return p.address, nil
	case "state":
		return s.String(), nil
	case "stop_reason":
		return reason, nil
	case "problem":
		return p.network.problem(), nil
	case "stop_error":
		return unsent, nil
	case "warning":
		return p.network.warning(), nil
	}
	if p.fact != nil {
		if v, ok := p.fact(key); ok {
			return v, nil
		}
	}
	return "", errorf(EOPTION, "%s has no option or fact %q; the options are %s", p.who(), key, p.options.keys())
}

// NextEvent implements Component.
func (p *component) NextEvent(timeout time.Duration) (Event, error) {
	d := after(timeout)
	defer d.stop()
	for {
		if e, ok := p.events.take(); ok {
			return e, nil
		}
		if p.idle.isOpen() {
			if e, ok := p.events.take(); ok { // the last words came in between
				return e, nil
			}
			return Event{}, p.stopped()
		}
		select {
		case <-p.events.some.opened():
		case <-p.idle.opened():
		case <-d.c:
			return Event{}, errorf(ETIMEOUT, "nothing happened to %s", p.who())
		}
	}
}

// peerEvent notes what a carrier tells of a peer of a socket, which is of type own and
// has these addresses.
func (p *component) peerEvent(own carrier.Type, a addresses, e carrier.Event) {
	out := Event{Level: levelInfo, Address: e.Address, Peer: e.Peer}
	switch e.Kind {
	case carrier.Connected:
		out.Kind, out.Text = "connected", "connected at "+e.Address
	case carrier.Disconnected:
		out.Kind, out.Text = "disconnected", "disconnected at "+e.Address
	case carrier.Retrying:
		out.Kind, out.Text = "retrying", "no connection to "+e.Address
	case carrier.HandshakeFailed:
		out.Kind, out.Text = "handshake_failed", "refused a peer at "+e.Address
	case carrier.Exhausted:
		out.Kind, out.Level, out.Text = "exhausted", levelWarning, "lacks descriptors or memory at "+e.Address
	case carrier.Recovered:
		out.Kind, out.Text = "recovered", "has descriptors and memory again at "+e.Address
	default:
		return
	}
	if e.Reason != "" {
		out.Text += ": " + e.Reason
	}
	if p.network.note(own, e, len(a.bind) > 0, &out) {
		out.Text = p.who() + " " + out.Text
		p.events.add(out)
	}
}

// base is what all statistics begin with.
type base struct {
	Kind          string `json:"kind"`
	Name          string `json:"name"`
	State         string `json:"state"`
	StopReason    string `json:"stop_reason"`
	Problem       string `json:"problem"` // of its connections, for people; empty where none is known
	EventsDropped uint64 `json:"events_dropped"`
}

// descriptor is for FD: it says what was wrong with a descriptor.
func (p *component) descriptor(fd int, err error) (int, error) {
	if errors.Is(err, os.ErrClosed) {
		return -1, errorf(EBADHANDLE, "%s is closed, and so is its descriptor", p.who())
	} else if err != nil {
		return -1, errorf(EIO, "no descriptor for %s: %w", p.who(), err)
	}
	return fd, nil
}

func (p *component) base() base {
	problem := p.network.problem()
	p.mu.Lock()
	defer p.mu.Unlock()
	return base{Kind: p.kind, Name: p.name, State: p.state.String(), StopReason: p.reason, Problem: problem, EventsDropped: p.events.droppedCount()}
}

// statsJSON encodes statistics, which are numbers and strings only.
func statsJSON(v any) []byte {
	text, err := wire.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}
