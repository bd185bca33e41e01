//go:build interop

package interop

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

// misfit is how the keys of both ends do not fit together.
type misfit string

// The zero value is that they fit.
const (
	oursExpectsAnother   misfit = "our end expects another server"
	theirsExpectsAnother misfit = "their end expects another server"
	theirsIsUnknown      misfit = "their end has a key that ours does not know"
	oursIsPlain          misfit = "our end has no keys"
	theirsIsPlain        misfit = "their end has no keys"
)

// refusal is one way in which a connection is refused.
type refusal struct {
	end    string // of CURVE that the foreign peer is, or would be
	misfit misfit
	texts  []string // one of them is our end's reason
}

// What our end learns of an end of libzmq, or of one that is made after it, which gives no reason and hangs up.
const (
	hangsUpAtHello    = "perhaps the server's key is not the one expected"
	hangsUpAtGreeting = "perhaps it demands a security mechanism"
	hangsUpAtOnce     = "closed by the peer before it had sent a byte"
	demandsCurve      = `demands the security mechanism "CURVE"`
	hasNone           = "the peer has no security mechanism (NULL), and this end demands CURVE"
)

// refused has all of these refusals take place, and requires that our end names each, and that nothing arrives.
func refused(all ...refusal) func(*testing.T, cell) {
	return func(t *testing.T, c cell) {
		for _, r := range all {
			t.Run("they_are_"+r.end, func(t *testing.T) {
				c := c
				c.curve, c.misfit = r.end, r.misfit
				r.take(t, c)
			})
		}
	}
}

// take has it take place.
func (r *refusal) take(t *testing.T, c cell) {
	var ours *eventLog
	if c.sends() {
		o, them := c.outlet(t, 1)
		ours = o.eventLog
		them[0].order("subscribe", "")
		defer func() { require.Empty(t, them[0].received()) }()
	} else {
		all, them := c.inlets(t, 1)
		ours = all[0].eventLog
		all[0].subscribe(t, "")
		them.send(message{"to", "no one"})
		defer func() { require.Empty(t, all[0].received()) }()
	}
	var said string
	eventually(t, func() bool { said = ours.reason(r.texts); return said != "" }, "a refusal for one of %q", r.texts)
	require.Zero(t, ours.count(carrier.Connected, ""), "it says: %s", said)
}

// reason is the reason of a handshake that has failed which has one of these texts in it, or "".
func (d *eventLog) reason(texts []string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.events {
		for _, text := range texts {
			if e.Kind == carrier.HandshakeFailed && strings.Contains(e.Reason, text) {
				return e.Reason
			}
		}
	}
	return ""
}
