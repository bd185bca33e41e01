// Package access applies a policy at the sockets of one component: who may connect, what each
// peer may publish and receive, and what is counted, reported and written to the audit log where
// that is refused. It hides how verdicts are cached; package policy has the rules, and package
// zmtp asks.
//
//	Control  one component: its policy, counters, events and audit log
//	Rights   one peer, under one policy
//	Verdicts one socket: which topics and streams have been looked up
//
// A peer is admitted once, when its handshake has shown who it is. Its Rights are replaced when
// the policy changes (Control.Watch). Messages are checked by their frames; a verdict that is
// cached costs a hash of them and one look into a table.
//
// Control is safe for concurrent use, and has one lock, for what is due to be reported. It may
// be taken with any lock of a socket held, and takes that of the event log. Rights and what they
// point to never change.
package access

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hermes-zmq/hermes/internal/notify"
	"github.com/hermes-zmq/hermes/internal/policy"
	"github.com/hermes-zmq/hermes/internal/random"
)

// Config is what a Control needs of its component.
type Config struct {
	Who   string             // names the component in texts
	Path  string             // of the policy file
	Audit string             // of the audit log; "" is none
	Emit  func(notify.Event) // hears of refusals and of changes of the policy
}

// Control is the access control of one run of a component.
type Control struct {
	cfg   Config
	live  *policy.Live
	audit *auditLog // nil without one

	denied        atomic.Uint64 // messages that peers had no right to publish
	subscriptions atomic.Uint64 // that peers had no right to

	mu      sync.Mutex // guards what follows
	repeats map[denial]*repeats
	fresh   map[denial]int // how many kinds began at a source in the present second
	ends    time.Time      // of that second
}

// Open reads the policy and begins to watch its files.
func Open(cfg Config) (*Control, error) {
	c := &Control{cfg: cfg, repeats: map[denial]*repeats{}, fresh: map[denial]int{}}
	if cfg.Audit != "" {
		log, err := openAudit(cfg.Audit, c.auditFailed)
		if err != nil {
			return nil, fmt.Errorf("the audit log cannot be opened: %w", err)
		}
		c.audit = log
	}
	live, err := policy.Open(cfg.Path, c.reloaded)
	if err != nil {
		if c.audit != nil {
			c.audit.close()
		}
		return nil, err
	}
	c.live = live
	return c, nil
}

// Close ends the watching, and writes what the audit log still has to say.
func (c *Control) Close() {
	c.live.Close()
	if c.audit == nil {
		return
	}
	c.mu.Lock()
	for r, n := range c.repeats {
		if left := n.audit.Pending(); left > 0 {
			c.audit.write(r.entry(left))
		}
	}
	c.mu.Unlock()
	c.audit.close()
}

// Reload reads the policy again. An error keeps the old one.
func (c *Control) Reload() error {
	if c.audit != nil {
		c.audit.reopen()
	}
	return c.live.Reload()
}

// Watch has f called after every change of the policy, until cancel. f may call Admit.
func (c *Control) Watch(f func()) (cancel func()) {
	return c.live.Subscribe(func(*policy.Policy) { f() })
}

// Denied is how many messages peers had no right to publish, and how many subscriptions they had
// no right to.
func (c *Control) Denied() (messages, subscriptions uint64) {
	return c.denied.Load(), c.subscriptions.Load()
}

// Rights are what one peer may do under one policy.
type Rights struct {
	User   *policy.User
	policy *policy.Policy
	salt   uint64 // of its verdicts: those of other peers and of older policies do not match
}

// Side is what peers do at a socket.
type Side string

// The sides.
const (
	Publishes  Side = "publish"
	Subscribes Side = "subscribe"
)

// Refusal says that a peer may not connect. Tell is what the peer is told, which others may
// read on the way: it does not tell whose key the peer has.
type Refusal struct{ Reason, Tell string }

// Admit finds the rights of a peer at a socket where peers do what side says; refused is nil if it
// has some.
func (c *Control) Admit(id policy.Identity, side Side) (_ *Rights, refused *Refusal) {
	p := c.live.Policy()
	u := p.Identify(id)
	switch {
	case u == nil:
		return nil, newRefusal(id, id.String(), " is not known", "")
	case side == Publishes && !u.Publishes():
		return nil, newRefusal(id, "user "+u.Name(), " may not publish anything", p.Name())
	case side == Subscribes && !u.Subscribes():
		return nil, newRefusal(id, "user "+u.Name(), " may not subscribe to anything", p.Name())
	}
	return &Rights{User: u, policy: p, salt: random.Uint64()}, nil
}

// newRefusal is the error for a peer about which something is to be said; file has no rule that
// would allow it.
func newRefusal(id policy.Identity, who, what, file string) *Refusal {
	e := &Refusal{Reason: who + what, Tell: who + what}
	if id.Key != "" {
		e.Tell = "key" + what
	}
	if file != "" {
		e.Reason += fmt.Sprintf(" (no rule of %s allows it)", file)
	}
	return e
}

// Connected writes to the audit log that a peer has been admitted.
func (c *Control) Connected(r *Rights, peer Peer) {
	c.record(entry{Action: "connect", Result: "allowed", User: r.User.Name(), Peer: peer.Identity.String(), Address: peer.Address})
}

// Disconnected writes to the audit log that an admitted peer is gone.
func (c *Control) Disconnected(r *Rights, peer Peer, reason string) {
	c.record(entry{Action: "disconnect", User: r.User.Name(), Peer: peer.Identity.String(), Address: peer.Address, Reason: reason})
}

// Refused writes to the audit log that a peer was refused.
func (c *Control) Refused(peer Peer, reason string) {
	c.note(denial{action: "connect", peer: peer.Identity.String(), address: host(peer.Address), reason: reason}, 1)
}

// RefusedUnproved writes to the audit log that a peer was refused before it had proved who it is.
func (c *Control) RefusedUnproved(address, reason string) {
	if c.audit != nil {
		c.note(denial{action: "handshake", address: host(address), reason: shortened(reason)}, 1)
	}
}

// Current reports whether rights are those of the present policy.
func (c *Control) Current(r *Rights) bool { return r.policy == c.live.Policy() }

// Peer names a peer in events and in the audit log.
type Peer struct {
	ID       uint64
	Address  string
	Identity policy.Identity
}

// DeniedPublish counts n messages of a topic and an origin that a peer had no right to publish.
// It returns the reason, if the peer is to be told now, or "".
func (c *Control) DeniedPublish(r *Rights, peer Peer, topic, origin []byte, v policy.Verdict, n uint64) (tell string) {
	c.denied.Add(n)
	return c.deny(r, peer, Publishes, shortened(policy.Text(topic)), shortened(policy.Text(origin)), v, n)
}

// DeniedAll counts n messages of a peer whose user has no rights any more, which it has been told.
func (c *Control) DeniedAll(n uint64) { c.denied.Add(n) }

// DeniedSubscribe counts a subscription that a peer had no right to. It returns the reason for the
// peer.
func (c *Control) DeniedSubscribe(r *Rights, peer Peer, prefix []byte, v policy.Verdict) (tell string) {
	c.subscriptions.Add(1)
	topic := shortened(policy.PrefixText(prefix))
	c.deny(r, peer, Subscribes, topic, "", v, 1)
	return r.User.Refusal(verb(Subscribes), topic, v)
}

// verb is a side in a text about one topic.
func verb(side Side) string {
	if side == Subscribes {
		return "subscribe to"
	}
	return "publish"
}

func (c *Control) deny(r *Rights, peer Peer, side Side, topic, origin string, v policy.Verdict, n uint64) (tell string) {
	text := r.User.Refusal(verb(side), topic, v)
	due := c.note(denial{action: string(side), user: r.User.Name(), peer: peer.Identity.String(), address: peer.Address,
		topic: topic, origin: origin, reason: v.Reason()}, n)
	if due == 0 {
		return ""
	}
	e := notify.Event{Kind: "denied", Level: notify.Warning, Address: peer.Address, Peer: peer.ID, Topic: topic, Origin: origin,
		Text: c.cfg.Who + ": " + text}
	if due > 1 {
		e.Count = due
		e.Text += fmt.Sprintf(" (%d times since the last report)", due)
	}
	c.cfg.Emit(e)
	return text
}

// reloaded is told by the policy what has become of its file.
func (c *Control) reloaded(r policy.Report) {
	if r.Err != nil {
		c.cfg.Emit(notify.Event{Kind: "policy_invalid", Level: notify.Error, Text: c.cfg.Who + ": " + r.String()})
		c.record(entry{Action: "reload", Result: "failed", Reason: r.Err.Error()})
		return
	}
	c.cfg.Emit(notify.Event{Kind: "policy_changed", Level: notify.Info, Text: c.cfg.Who + ": " + r.String()})
	c.record(entry{Action: "reload", Result: "allowed"})
}

func (c *Control) auditFailed(err error) {
	c.cfg.Emit(notify.Event{Kind: "audit_failed", Level: notify.Error,
		Text: fmt.Sprintf("%s: the audit log cannot be written: %v", c.cfg.Who, err)})
}

func (c *Control) record(e entry) {
	if c.audit != nil {
		c.audit.write(e)
	}
}

// note books n refusals. The audit log has a line a second of each kind, and due is for how many
// an event is due: one a minute.
func (c *Control) note(r denial, n uint64) (due uint64) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	kind := c.repeats[r]
	if kind == nil {
		r = c.begin(r, now)
		kind = c.repeats[r]
	}
	if count, pass := kind.audit.Pass(now, n); pass {
		c.record(r.entry(count))
	}
	due, _ = kind.event.PassEvery(notify.WarnEvery, now, n)
	return due
}

// begin begins a kind of refusals, if its source has not begun too many; otherwise the kind is that of
// all others of the source. The caller holds mu.
func (c *Control) begin(r denial, now time.Time) denial {
	if !now.Before(c.ends) || len(c.fresh) >= maxRefusals {
		clear(c.fresh)
		c.ends = now.Add(time.Second)
	}
	from := r.source()
	if c.fresh[from]++; c.fresh[from] > maxFresh {
		r = from
	}
	if c.repeats[r] == nil {
		if len(c.repeats) >= maxRefusals {
			c.forget()
		}
		c.repeats[r] = &repeats{}
	}
	return r
}

// forget makes room for refusals of other kinds, and writes what is left to say of the old ones.
// The caller holds mu.
func (c *Control) forget() {
	for r, n := range c.repeats {
		if left := n.audit.Pending(); left > 0 {
			c.record(r.entry(left))
		}
	}
	clear(c.repeats)
}
