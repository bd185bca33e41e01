package core

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/hermes-zmq/hermes/internal/access"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/connectivity"
	"github.com/hermes-zmq/hermes/internal/curve"
	"github.com/hermes-zmq/hermes/internal/deadline"
	"github.com/hermes-zmq/hermes/internal/embed"
	"github.com/hermes-zmq/hermes/internal/latch"
	"github.com/hermes-zmq/hermes/internal/notify"
	"github.com/hermes-zmq/hermes/internal/option"
	"github.com/hermes-zmq/hermes/internal/safe"
	"github.com/hermes-zmq/hermes/internal/tlsconfig"
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
	// Close stops the component permanently, flushing for at most the option "linger". Calls
	// that wait on it return ESTOPPED. Closing twice does nothing.
	Close() error
	// Wait waits until the component does not run. EINTERNAL where it has failed.
	Wait(timeout time.Duration) error
	// WaitReady waits until the component can do its work: a publisher has seen a
	// subscription, a receiver is connected, a post office is bound. EACCES and EAUTH where
	// every address that it connects to refuses it, or has not proved who it is.
	WaitReady(timeout time.Duration) error
	// Set changes an option, and Get reads one, or a fact; see Options and
	// docs/configuration.md.
	Set(key, value string) error
	Get(key string) (string, error)
	// Options lists what Set takes.
	Options() []Option
	// StatsJSON is the component's counters, taken at one instant, as a JSON object.
	StatsJSON() []byte
	// NextEvent takes the oldest event. ETIMEOUT where none comes in time,
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

// component is the life of a Component: its state, options, readiness and events. What a
// kind of component does in its life is in its hooks.
//
// Lock order: life, then mu. Hooks start and stop are called with life held, reason and fact
// with neither. The locks of limit, idle, ready, events and network are taken under either.
type component struct {
	kind, name string
	address    string
	options    option.Set // fixed once the component is made
	network    networkOptions
	keys       atomic.Pointer[curve.Config] // of this run, see curveKeys; nil: no security
	keysOpen   bool                         // keys are those of this run, and have not been wiped; guarded by life
	servers    atomic.Int32                 // of CURVE, in this run; see checkClients
	hooks      hooks

	certificates tlsconfig.Component // of this run

	life  sync.Mutex         // held by one Start, Stop or Close at a time
	limit deadline.StopLimit // of the stop under way

	mu      sync.Mutex // guards the fields up to failure
	state   state
	run     uint64 // which of its runs this is, from 1 on
	reason  string // why it stopped
	unsent  string // what the last stop had to give up, for people
	failure error

	idle   latch.Latch // open while the component does not run
	ready  latch.Latch // open while it can do its work
	events notify.Log
	links  connectivity.Tracker
	shows  showing

	ended    ended  // connections
	instance string // random: tells components of one name apart, and their lives

	refused atomic.Uint64                  // handshakes
	access  atomic.Pointer[access.Control] // of this run; nil without a policy
	// What peers had no right to in earlier runs. The lock keeps it in step with access.
	deniedBefore struct {
		sync.Mutex
		messages, subscriptions uint64
	}
}

// hooks are what a kind of component does in its life. fact, endpoints and reason may be nil.
type hooks struct {
	start     func() error                                // opens sockets and goroutines
	stop      func() error                                // ends them, within limit; called once for each start that succeeded
	fact      func(key string) (value string, known bool) // what Get knows besides options
	endpoints func() []string                             // the addresses that are bound, with ports and interfaces resolved
	reason    func() string                               // why nothing comes or goes though all connections stand, or ""
}

func (c *component) init(kind, name, address string, h hooks) {
	c.kind, c.name, c.address, c.hooks = kind, name, address, h
	c.idle.Set(true)
	c.links.Init(c.who(), c.events.Add)
	c.certificates.Who, c.certificates.Tell = c.who(), c.events.Add
	c.instance = newInstance()
}

// checkName refuses the names that no component may have.
func checkName(kind, name string) error {
	if name == "" {
		return errorf(EINVAL, "a %s needs a name", kind)
	}
	if !utf8.ValidString(name) {
		return errorf(EUTF8, "the name %q of a %s is not UTF-8", name, kind)
	}
	if strings.ContainsRune(name, 0) { // where C would see its end
		return errorf(EINVAL, "the name %q of a %s has a NUL in it", name, kind)
	}
	return nil
}

// who names the component in texts.
func (c *component) who() string { return fmt.Sprintf("%s %q", c.kind, c.name) }

// Name implements Component.
func (c *component) Name() string { return c.name }

// Start implements Component.
func (c *component) Start() error {
	c.life.Lock()
	defer c.life.Unlock()
	c.mu.Lock()
	s := c.state
	if s == stateNew || s == stateStopped {
		c.state, c.reason, c.unsent, c.failure = stateRunning, "", "", nil
		c.run++
		c.idle.Set(false)
	}
	c.mu.Unlock()
	switch s {
	case stateClosed:
		return errorf(ESTATE, "%s is closed", c.who())
	case stateRunning, stateStopping:
		return errorf(ESTATE, "%s has been started already", c.who())
	}
	c.limit.Forget()
	var started *notify.Event
	c.events.Open()
	defer func() { c.events.Opened(started) }()
	c.servers.Store(0)
	c.links.Begin()
	err := c.openAccess()
	if err == nil {
		err = c.hooks.start()
	}
	if err != nil {
		c.wipeKeys()
		c.closeAccess()
		c.links.End()
		c.certificates.End()
		c.setState(s)
		return err
	}
	c.reportUnprotected()
	c.reportReadableKeys()
	c.beginShowing()
	started = &notify.Event{Kind: "started", Level: notify.Info, Text: fmt.Sprintf("%s started at %s", c.who(), c.address)}
	return nil
}

// setState ends the running state.
func (c *component) setState(s state) {
	c.ready.Set(false)
	c.mu.Lock()
	c.state = s
	c.mu.Unlock()
	c.idle.Set(true)
	c.events.Some().Wake()
}

// Stop implements Component.
func (c *component) Stop(timeout time.Duration) error {
	number := c.limit.Enqueue(timeout)
	c.life.Lock()
	defer c.life.Unlock()
	c.limit.Dequeue(number)
	return c.end("stop", timeout)
}

func init() {
	embed.BeginStop = func(component any, timeout time.Duration) {
		component.(interface{ beginStop(time.Duration) }).beginStop(timeout)
	}
}

// beginStop is embed.BeginStop.
func (c *component) beginStop(timeout time.Duration) {
	c.mu.Lock()
	run, running := c.run, c.state == stateRunning || c.state == stateStopping
	c.mu.Unlock()
	if running {
		c.endRun(run, "stop", timeout)
	}
}

// Close implements Component.
func (c *component) Close() error {
	linger := c.network.linger.Get()
	number := c.limit.Enqueue(linger)
	c.life.Lock()
	defer c.life.Unlock()
	c.limit.Dequeue(number)
	err := c.end("close", linger)
	c.mu.Lock()
	c.state = stateClosed
	c.mu.Unlock()
	if secret := c.network.curve.secret; secret != nil {
		secret.Wipe()
	}
	c.events.Some().Wake()
	return err
}

// closed reports whether Close has ended.
func (c *component) closed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state == stateClosed
}

// end takes a running component down. The caller holds life.
func (c *component) end(reason string, timeout time.Duration) error {
	c.mu.Lock()
	running := c.state == stateRunning
	if running {
		c.state = stateStopping
		c.limit.Begin(timeout)
		if c.reason == "" {
			c.reason = reason
		}
		reason = c.reason
	}
	c.mu.Unlock()
	if !running {
		return nil
	}
	c.links.End()
	err := c.hooks.stop()
	c.endShowing()
	c.wipeKeys()
	c.closeAccess()
	c.limit.End()
	c.certificates.End()
	level := notify.Info
	text := fmt.Sprintf("%s stopped (%s)", c.who(), firstLine(reason))
	if err != nil {
		level, text = notify.Warning, err.Error()
		c.mu.Lock()
		c.unsent = text
		c.mu.Unlock()
	}
	c.events.Add(notify.Event{Kind: "stopped", Level: level, Text: text})
	c.setState(stateStopped)
	return err
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// endLater stops the component from one of its own goroutines, which must not wait for
// itself. If it runs anew by then, that is another life and none of its business.
func (c *component) endLater(reason string) {
	c.mu.Lock()
	run := c.run
	c.mu.Unlock()
	c.endRun(run, reason, 0)
}

// endRun is endLater for a run that may have ended, and may flush for timeout.
func (c *component) endRun(run uint64, reason string, timeout time.Duration) {
	c.mu.Lock()
	if c.run != run {
		c.mu.Unlock()
		return
	}
	if c.reason == "" {
		c.reason = reason
	}
	c.mu.Unlock()
	number := c.limit.Enqueue(timeout)
	safe.Go(nil, func() {
		c.life.Lock()
		defer c.life.Unlock()
		c.limit.Dequeue(number)
		c.mu.Lock()
		same := c.run == run
		c.mu.Unlock()
		if same {
			_ = c.end(reason, timeout)
		}
	})
}

// Fail implements Component.
func (c *component) Fail(err error) {
	c.mu.Lock()
	first := c.failure == nil
	if first {
		c.failure = err
	}
	c.mu.Unlock()
	if !first {
		return
	}
	c.events.Add(notify.Event{Kind: "failed", Level: notify.Error, Text: fmt.Sprintf("%s failed: %v", c.who(), err)})
	c.endLater("failed: " + err.Error())
}

// check reports why an operation that needs a running component cannot go on.
func (c *component) check() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.state {
	case stateRunning:
		return nil
	case stateNew:
		return errorf(ESTATE, "%s has not been started", c.who())
	}
	return errorf(ESTATE, "%s has been stopped", c.who())
}

// stopped is the error for waiting on something that runs no more.
func (c *component) stopped() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failure != nil {
		return errorf(ESTOPPED, "%s failed: %w", c.who(), c.failure)
	}
	if c.reason != "" {
		return errorf(ESTOPPED, "%s has stopped (%s)", c.who(), c.reason)
	}
	return errorf(ESTOPPED, "%s has stopped", c.who())
}

// Wait implements Component.
func (c *component) Wait(timeout time.Duration) error {
	d := deadline.After(timeout)
	defer d.Stop()
	select {
	case <-c.idle.Opened():
	default:
		select {
		case <-c.idle.Opened():
		case <-d.C:
			return errorf(ETIMEOUT, "%s is still running", c.who())
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failure != nil {
		return errorf(EINTERNAL, "%s failed: %w", c.who(), c.failure)
	}
	return nil
}

// WaitReady implements Component.
func (c *component) WaitReady(timeout time.Duration) error {
	if c.ready.IsOpen() {
		return nil
	}
	if err := c.check(); err != nil {
		return err
	}
	d := deadline.After(timeout)
	defer d.Stop()
	select {
	case <-c.ready.Opened():
		return nil
	case <-c.idle.Opened():
		return c.stopped()
	case <-c.links.Denied():
		return c.denied()
	case <-d.C:
		return errorf(ETIMEOUT, "%s is not ready%s", c.who(), c.reasonWhy())
	}
}

// denied is the error for waiting for a connection that no peer grants.
func (c *component) denied() error {
	code := EACCES
	if c.links.DeniedFor() == carrier.CauseAuth {
		code = EAUTH
	}
	return errorf(code, "%s is not ready%s", c.who(), c.reasonWhy())
}

// Get implements Component.
func (c *component) Get(key string) (string, error) {
	if o, ok := c.options.Find(key); ok {
		return o.String(), nil
	}
	c.mu.Lock()
	s, reason, unsent := c.state, c.reason, c.unsent
	c.mu.Unlock()
	switch key {
	case "name":
		return c.name, nil
	case "address":
		return c.address, nil
	case "state":
		return s.String(), nil
	case "stop_reason":
		return reason, nil
	case "problem":
		return c.links.Problem(), nil
	case "stop_error":
		return unsent, nil
	case "warning":
		return c.links.Warning(), nil
	}
	if c.hooks.fact != nil {
		if v, ok := c.hooks.fact(key); ok {
			return v, nil
		}
	}
	return "", errorf(EOPTION, "%s: no option or fact %q; the options are %s", c.who(), key, c.options.Keys())
}

// descriptor is for FD: it says what was wrong with a descriptor.
func (c *component) descriptor(fd int, err error) (int, error) {
	if errors.Is(err, os.ErrClosed) {
		return -1, errorf(EBADHANDLE, "%s is closed, and so is its descriptor", c.who())
	} else if err != nil {
		return -1, errorf(EIO, "no descriptor for %s: %w", c.who(), err)
	}
	return fd, nil
}

// reasonWhy is why a wait was in vain, to be put behind the text of its error; "" where
// nothing is known to be wrong.
func (c *component) reasonWhy() string {
	why := c.links.Problem()
	if why == "" && c.hooks.reason != nil {
		why = c.hooks.reason()
	}
	return because(why)
}

// because appends a reason to an error text; "" is none.
func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}
