// Package connectivity tracks, for each address that a component connects to, whether there
// is a connection and why not, and the peers that the component has refused. It produces
//
//   - the event "unreachable", a warning: once an outage has lasted for a moment, or at
//     once if waiting cannot help, and then at most once a minute for each address;
//   - the level of events about peers that were refused or lost: a warning at most once a
//     minute for each cause, and info otherwise. A peer that ends, and one that connects
//     and closes without sending a byte, are always info. Refusals for the same reason are
//     combined into one event a minute, because a peer that is refused tries again;
//   - the text of Problem, for statistics and for the errors of waits that timed out.
//
// Lock order: the carrier's lock of events, then that of a Tracker, then that of the
// component's event log.
package connectivity

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hermes-zmq/hermes/internal/address"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/curve"
	"github.com/hermes-zmq/hermes/internal/latch"
	"github.com/hermes-zmq/hermes/internal/notify"
)

// Tracker is the state of the connections of one component. All methods may be called from
// any goroutine, after Init and Add.
type Tracker struct {
	who      string               // the component, in texts
	announce func(notify.Event)   // takes the event "unreachable"
	every    time.Duration        // between two warnings about the same
	retry    func() time.Duration // longest delay between two attempts to connect

	mu      sync.Mutex
	running bool
	run     int // which run this is, so that timers of an earlier one are recognized
	remotes []*remote
	refused map[complaint]time.Time      // when the last warning of each kind was given
	repeats map[repeated]*notify.Limiter // of refusals; at most maxRepeats
	last    string                       // why the last peer was refused that came to a bound address
	atEnd   string                       // see ProblemAtEnd

	keys   func() *curve.Config // of the component; see diagnosis.go
	denied latch.Latch          // open while every address refuses the component
}

// remote is an address that is connected to.
type remote struct {
	own     carrier.Type // what connects
	address string
	peers   int           // connections now
	failed  carrier.Event // why the last attempt failed; Kind is 0 where none has
	denied  string        // what the peer has last denied to this end, or ""
	warned  time.Time     // when the last warning was given
	due     *time.Timer   // runs until a warning is due; or nil
	lasting bool          // a warning was due

	diagnosed time.Time // when it was last looked for a reason; see diagnosis.go
}

// How long an outage lasts before a warning: a component may start together with its post
// office, or a moment before it.
const (
	OutageGrace = 250 * time.Millisecond // after an attempt that has failed
	answerGrace = 3 * time.Second        // where the first attempt neither fails nor succeeds
)

// Init names the component, and sets the function that takes the event "unreachable".
func (c *Tracker) Init(who string, announce func(notify.Event)) {
	c.who, c.announce, c.every = who, announce, notify.WarnEvery
}

// RetryEvery gives, before the first Begin, the longest delay between two attempts to connect.
func (c *Tracker) RetryEvery(delay func() time.Duration) { c.retry = delay }

// Secure gives, before the first Begin, the keys of the component.
func (c *Tracker) Secure(keys func() *curve.Config) { c.keys = keys }

// Denied gives a channel that is closed once there is no connection because every address
// refuses the component, or has not proved who it is, so that waiting is in vain.
func (c *Tracker) Denied() <-chan struct{} { return c.denied.Opened() }

// DeniedFor is why: the cause of the first address.
func (c *Tracker) DeniedFor() carrier.Cause {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.remotes) == 0 {
		return carrier.CauseOther
	}
	return c.remotes[0].failed.Cause
}

// noteDenied sets denied; the caller holds mu.
func (c *Tracker) noteDenied() {
	refuses := func(r *remote) bool { return r.peers == 0 && insecure(r.failed.Cause) }
	c.denied.Set(c.running && len(c.remotes) > 0 && !slices.ContainsFunc(c.remotes, func(r *remote) bool { return !refuses(r) }))
}

// insecure reports whether two ends do not agree on who may talk to whom.
func insecure(cause carrier.Cause) bool {
	return cause == carrier.CauseSecurity || cause == carrier.CauseTLS || cause == carrier.CauseAccess || cause == carrier.CauseAuth
}

// Add says, before the first Begin, that a socket of the component connects to addresses.
func (c *Tracker) Add(own carrier.Type, connect []string) {
	for _, address := range connect {
		if slices.ContainsFunc(c.remotes, func(r *remote) bool { return r.own == own && r.address == address }) {
			continue // one address, however often it is given
		}
		c.remotes = append(c.remotes, &remote{own: own, address: address})
	}
}

// Begin is called when the component starts.
func (c *Tracker) Begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running = true
	c.run++
	c.refused, c.repeats, c.last = map[complaint]time.Time{}, map[repeated]*notify.Limiter{}, ""
	for _, r := range c.remotes {
		*r = remote{own: r.own, address: r.address, warned: r.warned}
		c.arm(r, answerGrace)
	}
	c.noteDenied()
}

// End is called when the component stops: from then on events of its peers are not reported.
func (c *Tracker) End() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.atEnd = c.problemLocked()
	c.running = false
	c.noteDenied()
	for _, r := range c.remotes {
		r.disarm()
	}
}

// find gives the address that an event is about, or nil where it is about a peer that
// has connected to a bound address. libzmq leaves out the prefix plain+, and if a socket has only
// one address the event may spell it differently.
func (c *Tracker) find(own carrier.Type, e carrier.Event, bound bool) *remote {
	var only *remote
	count := 0
	for _, r := range c.remotes {
		if r.own != own {
			continue
		}
		if address.Bare(r.address) == address.Bare(e.Address) {
			return r
		}
		only = r
		count++
	}
	if count == 1 && !bound {
		return only
	}
	return nil
}

// Note processes an event of a socket and completes the component's event for it. bound says
// that the socket has bound addresses. It reports whether the event is to be given.
func (c *Tracker) Note(own carrier.Type, e carrier.Event, bound bool, out *notify.Event) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.find(own, e, bound)
	switch e.Kind {
	case carrier.Connected:
		if r != nil {
			r.peers++
			r.failed, r.denied, r.lasting = carrier.Event{}, "", false
			r.disarm()
			c.noteDenied()
			maps.DeleteFunc(c.repeats, func(k repeated, _ *notify.Limiter) bool { return k.address == r.address })
		}
	case carrier.Disconnected:
		if r != nil {
			r.peers = max(r.peers-1, 0)
		}
		out.Level = c.level(own, e.Cause)
	case carrier.HandshakeFailed:
		if r == nil {
			c.last = refusal(own, e)
			out.Text = "refused a peer at " + e.Address + ": " + c.last
		} else if e.Cause == carrier.CauseAccess {
			out.Text = "refused by " + e.Address + ": " + e.Reason
		}
		n, due := c.repeat(own, e, r)
		if !due {
			return false
		}
		if r == nil {
			out.Level = c.level(own, e.Cause)
		}
		if n > 1 {
			out.Count = n
			out.Text += fmt.Sprintf(" (%d times since the last report)", n)
		}
	case carrier.Denied:
		if r != nil {
			r.denied = e.Reason
		}
		if e.Reason == "" {
			return false
		}
		n, due := c.repeat(own, e, r)
		if out.Count = n; !due {
			return false
		}
	case carrier.Retrying:
		if r != nil && r.peers == 0 {
			c.miss(r, e)
		}
	}
	return true
}

// repeated is a kind of refusal, of which one event is given in a while.
type repeated struct {
	own     carrier.Type
	cause   carrier.Cause
	address string // that we connect to, or "" where the peer has come by itself
	detail  string // distinguishes two reasons of the same cause
}

// maxRepeats bounds the number of kinds: their details come from the network.
const maxRepeats = 64

// repeat counts a refusal, and reports whether an event is due, and for how many.
func (c *Tracker) repeat(own carrier.Type, e carrier.Event, r *remote) (n uint64, due bool) {
	kind := repeated{own: own, cause: e.Cause}
	if r != nil {
		kind.address = r.address
	}
	switch e.Cause {
	case carrier.CauseWrongType:
		kind.detail = e.Type
	case carrier.CauseOther, carrier.CauseAuth, carrier.CauseAccess:
		kind.detail = e.Reason
	}
	if !c.running {
		return 1, true
	}
	if c.repeats[kind] == nil && len(c.repeats) >= maxRepeats {
		kind.detail = ""
	}
	pace := c.repeats[kind]
	if pace == nil {
		pace = &notify.Limiter{}
		c.repeats[kind] = pace
	}
	return pace.PassEvery(c.every, time.Now(), 1)
}

// complaint is a kind of warning about peers; each kind has a limit of its own. The two sides
// of a post office refuse peers of the same cause for different reasons.
type complaint struct {
	own   carrier.Type
	cause carrier.Cause
}

// level is that of an event about a peer that was lost or refused.
func (c *Tracker) level(own carrier.Type, cause carrier.Cause) string {
	if cause == carrier.CauseLeft || cause == carrier.CauseProbe || cause == carrier.CauseCycle || !c.running {
		return notify.Info // the event "cycle" reports it
	}
	now, kind := time.Now(), complaint{own, cause}
	if last, warned := c.refused[kind]; warned && now.Sub(last) < c.every {
		return notify.Info
	}
	c.refused[kind] = now
	return notify.Warning
}

// miss notes that an address could not be reached, or was lost.
func (c *Tracker) miss(r *remote, e carrier.Event) {
	first := r.failed.Kind == 0
	if e.Cause == carrier.CauseUnknown {
		c.diagnose(r)
	}
	if first || e.Cause != carrier.CauseUnknown {
		r.failed = e
	}
	c.noteDenied()
	switch {
	case r.lasting || hopeless(e.Cause):
		r.disarm()
		c.warn(r)
	case first:
		c.arm(r, OutageGrace)
	}
}

// hopeless reports whether trying again is unlikely to help.
func hopeless(cause carrier.Cause) bool {
	switch cause {
	case carrier.CauseWrongType, carrier.CauseNotZMTP, carrier.CauseNoName, carrier.CauseForbidden:
		return true
	}
	return insecure(cause)
}

// arm has a warning given after d, unless there is a connection by then.
func (c *Tracker) arm(r *remote, d time.Duration) {
	r.disarm()
	run := c.run
	r.due = time.AfterFunc(d, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.run == run && r.peers == 0 {
			c.warn(r)
		}
	})
}

func (r *remote) disarm() {
	if r.due != nil {
		r.due.Stop()
		r.due = nil
	}
}

// warn gives the event "unreachable", unless one was given not long ago.
func (c *Tracker) warn(r *remote) {
	if !c.running {
		return
	}
	r.lasting = true
	if r.failed.Cause == carrier.CauseCycle {
		return // the event "cycle" reports it
	}
	now := time.Now()
	if now.Sub(r.warned) < c.every {
		return
	}
	r.warned = now
	c.announce(notify.Event{Kind: "unreachable", Level: notify.Warning, Address: r.address, Text: c.who + ": " + r.problem() + c.retrying()})
}

// retrying is the end of a warning: no intervention is needed once the cause is removed.
func (c *Tracker) retrying() string { return fmt.Sprintf(" (retrying every %v)", c.retry()) }

// Problem says what is wrong with the connections, if nothing is sent or received because of
// them; "" if nothing is known to be wrong.
func (c *Tracker) Problem() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.problemLocked()
}

// ProblemAtEnd is what Problem said when the component began to stop.
func (c *Tracker) ProblemAtEnd() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.atEnd
}

func (c *Tracker) problemLocked() string {
	if !c.running {
		return ""
	}
	all := c.problems(func(r *remote) bool { return true })
	for _, r := range c.remotes {
		if r.peers > 0 && r.denied != "" {
			all = append(all, "refused by "+r.address+": "+r.denied)
		}
	}
	if len(c.remotes) == 0 && c.last != "" {
		all = append(all, "refused a peer: "+c.last)
	}
	return strings.Join(all, "; ")
}

// Warning is the part of Problem that has lasted long enough for a warning, as a sentence; ""
// if there is none. It is for runtimes that show warnings themselves and leave the events to
// the program.
func (c *Tracker) Warning() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.problems(func(r *remote) bool { return r.lasting })
	if !c.running || len(all) == 0 {
		return ""
	}
	return c.who + ": " + strings.Join(all, "; ") + c.retrying()
}

// problems says what is wrong with each wanted address without a connection; the caller holds
// mu.
func (c *Tracker) problems(wanted func(*remote) bool) (all []string) {
	for _, r := range c.remotes {
		if r.peers == 0 && wanted(r) {
			all = append(all, r.problem())
		}
	}
	return all
}

// problem is what is wrong with one address.
func (r *remote) problem() string {
	e := r.failed
	switch {
	case e.Kind == 0:
		return fmt.Sprintf("no answer from %s yet; check the address, and whether a firewall drops the connection", r.address)
	case e.Cause == carrier.CauseWrongType:
		return fmt.Sprintf("cannot connect to %s: %s", r.address, misdirected(r.own, e.Type, r.address, e.Said))
	case e.Cause == carrier.CauseAccess:
		return fmt.Sprintf("refused by %s: %s; %s", r.address, e.Reason, Check(r.own, e.Cause, r.address))
	case e.Cause == carrier.CauseSecurity && address.IsPlain(r.address):
		return fmt.Sprintf("cannot connect to %s: %s; remove plain+ from the address, and set curve.server and curve.secret", r.address, e.Reason)
	}
	return fmt.Sprintf("cannot connect to %s: %s; %s", r.address, e.Reason, Check(r.own, e.Cause, r.address))
}
