package zmtp

import (
	"bytes"

	"github.com/hermes-zmq/hermes/internal/access"
	"github.com/hermes-zmq/hermes/internal/policy"
)

// narrowing is what a policy makes of the subscriptions of one peer (PUB side). conn.topics has
// the prefixes that are granted: each as long as one of the subscriptions needs it. Where not all
// of a prefix is allowed, every message is checked by its topic as well.
//
// What guards what: asked and granted belong to the holder of events. The lock of the send buffer
// guards partial and the memo, which Send reads.
type narrowing struct {
	asked   map[string][]policy.Grant // subscriptions, and what was granted of each; nothing: denied
	bytes   int                       // length of all of asked together
	granted map[string]int            // how many of asked need each prefix

	partial int // grants of which not everything is allowed
	memo    struct {
		rights  *access.Rights
		topic   []byte
		allowed bool
	}
}

func newNarrowing() *narrowing {
	return &narrowing{asked: map[string][]policy.Grant{}, granted: map[string]int{}}
}

// subscribeNarrowed is outlet.subscribe for a peer under a policy. The caller holds events.
func (o *outlet) subscribeNarrowed(c *conn, on bool, prefix []byte) error {
	n, r := c.narrowed, c.rights.Load()
	grants, known := n.asked[string(prefix)]
	if known == on {
		return nil
	}
	if !on {
		delete(n.asked, string(prefix))
		n.bytes -= len(prefix)
		return o.withdraw(c, grants)
	}
	if err := checkSubscription(&o.cfg.Limits, len(n.asked), n.bytes, prefix); err != nil {
		return err
	}
	grants, verdict := r.User.Narrow(prefix)
	n.asked[string(prefix)] = grants
	n.bytes += len(prefix)
	if len(grants) == 0 {
		c.tellDenied(o.cfg.Access.DeniedSubscribe(r, c.asPeer(), prefix, verdict))
	}
	return o.grant(c, grants)
}

// grant adds what a subscription was narrowed to. The caller holds events.
func (o *outlet) grant(c *conn, grants []policy.Grant) error {
	n := c.narrowed
	for _, g := range grants {
		if !g.Whole {
			c.addPartial(1)
		}
		if n.granted[string(g.Prefix)]++; n.granted[string(g.Prefix)] == 1 {
			if err := o.change(c, true, g.Prefix); err != nil {
				return err
			}
		}
	}
	return nil
}

// withdraw undoes grant. The caller holds events.
func (o *outlet) withdraw(c *conn, grants []policy.Grant) error {
	n := c.narrowed
	for _, g := range grants {
		if n.granted[string(g.Prefix)]--; n.granted[string(g.Prefix)] == 0 {
			delete(n.granted, string(g.Prefix))
			if err := o.change(c, false, g.Prefix); err != nil {
				return err
			}
		}
		if !g.Whole {
			c.addPartial(-1)
		}
	}
	return nil
}

// review implements role: it narrows all subscriptions anew. From the beginning on every message
// is checked under the new rights. So prefixes that are granted now can come first, before those go
// that are not granted any more: nothing is missed that is allowed before and afterwards, here and
// where o.wanted is subscribed to, and no last value is sent twice.
func (o *outlet) review(c *conn, r *access.Rights) {
	n := c.narrowed
	c.addPartial(1)
	c.rights.Store(r)
	before := n.asked
	n.asked = make(map[string][]policy.Grant, len(before))
	for prefix, old := range before {
		grants, verdict := r.User.Narrow([]byte(prefix))
		if len(grants) == 0 && len(old) > 0 {
			c.tellDenied(o.cfg.Access.DeniedSubscribe(r, c.asPeer(), []byte(prefix), verdict))
		}
		n.asked[prefix] = grants
	}
	err := o.exchange(c, before)
	c.addPartial(-1)
	if err != nil {
		c.abort(err)
	}
}

// exchange grants what all subscriptions are narrowed to now, and withdraws what they were before.
// The caller holds events.
func (o *outlet) exchange(c *conn, before map[string][]policy.Grant) error {
	for _, grants := range c.narrowed.asked {
		if err := o.grant(c, grants); err != nil {
			return err
		}
	}
	for _, grants := range before {
		if err := o.withdraw(c, grants); err != nil {
			return err
		}
	}
	return nil
}

// addPartial counts grants of which not everything is allowed.
func (c *conn) addPartial(n int) {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	c.narrowed.partial += n
}

// restricted reports whether messages have to be checked by their topic. The caller holds
// c.out.mu, as for mayReceive.
func (c *conn) restricted() bool {
	return c.narrowed != nil && (c.narrowed.partial > 0 || c.expelled.Load())
}

// longestMemo is how long what a connection remembers of its last message may be, in bytes: frames
// may have hundreds of megabytes.
const longestMemo = 1 << 10

// mayReceive reports whether the peer may receive a topic.
func (c *conn) mayReceive(topic []byte) bool {
	switch {
	case !c.restricted():
		return true
	case c.expelled.Load():
		return false
	}
	r, m := c.rights.Load(), &c.narrowed.memo
	switch {
	case m.rights == r && bytes.Equal(m.topic, topic):
		return m.allowed
	case len(topic) > longestMemo:
		return c.s.verdicts.MayReceive(r, topic)
	}
	m.rights, m.topic, m.allowed = r, append(m.topic[:0], topic...), c.s.verdicts.MayReceive(r, topic)
	return m.allowed
}

// side implements role.
func (o *outlet) side() access.Side { return access.Subscribes }
