package connectivity

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

func TestPeersOfTheWrongKindAreNamed(t *testing.T) {
	e := carrier.Event{Kind: carrier.HandshakeFailed, Cause: carrier.CauseWrongType}
	for _, c := range []struct {
		own  carrier.Type
		kind string
		says string
	}{
		{carrier.SUB, "SUB", "a receiver listens there"},
		{carrier.PUB, "PUB", "a publisher listens there"},
		{carrier.SUB, "REP", `a socket of type "REP" listens there, which sends no envelopes`},
		{carrier.PUB, "ROUTER", `a socket of type "ROUTER" listens there, which takes no envelopes`},
		{carrier.XSUB, "XSUB", `a socket of type "XSUB" listens there`},
	} {
		require.Contains(t, misdirected(c.own, c.kind, "tcp://h:1", ""), c.says)
	}
	e.Type, e.Reason = "REQ", "a peer of type \"REQ\" cannot be connected to a XSUB"
	require.Equal(t, e.Reason, refusal(carrier.XSUB, e))
	require.Equal(t, "tcp://h:1 is the address for ?[2J", misdirected(carrier.SUB, "XSUB", "tcp://h:1", "this is the address for \x1b[2J"))
}

func TestAPathThatMayNotBeUsedHasAHint(t *testing.T) {
	require.Contains(t, Check(carrier.SUB, carrier.CauseForbidden, "ipc:///x"), "permissions")
}

func TestAdviceForTLSNamesItsOptions(t *testing.T) {
	require.Contains(t, Check(carrier.SUB, carrier.CauseAuth, "tls://h:1"), "tls.ca")
	require.Contains(t, Check(carrier.SUB, carrier.CauseAuth, "tcp://h:1"), "curve.server")
	require.Contains(t, Check(carrier.SUB, carrier.CauseTLS, "tcp://h:1"), "tls://")
	require.Equal(t, Check(carrier.SUB, carrier.CauseRefused, "tcp://h:1"), Check(carrier.SUB, carrier.CauseRefused, "tls://h:1"))
}
