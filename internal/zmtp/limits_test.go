package zmtp

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

func TestConnectionLimit(t *testing.T) {
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"), limit(func(l *carrier.Limits) { l.Connections = 2 }))
	first := connectRaw(t, o.address())
	connectRaw(t, o.address())
	testkit.Eventually(t, func() bool { return connections(&o.socket) == 2 }, "two connections")
	connectRaw(t, o.address()).requireHungUp()
	require.Contains(t, o.wait(t, carrier.HandshakeFailed, 1).Reason, "2 peers are connected, which is the limit")
	_ = first.Close()
	o.wait(t, carrier.HandshakeFailed, 2)
	connectRaw(t, o.address()).shakeHands("SUB", 1)
	o.wait(t, carrier.Connected, 1)
}

func TestSubscriptionFlood(t *testing.T) {
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"), limit(func(l *carrier.Limits) { l.Subscriptions = 1000 }))
	good := newInlet(t, carrier.SUB, []string{"good"}, dial(o.address()))
	o.wait(t, carrier.Subscribed, 1)
	p := connectRaw(t, o.address())
	p.shakeHands("SUB", 1)
	var flood []byte
	for n := range 2000 {
		flood = appendSubscription(flood, byte(n%2), true, []byte{byte(n), byte(n >> 8), 'x'})
	}
	p.send(flood)
	p.requireHungUp()
	require.Contains(t, o.wait(t, carrier.Disconnected, 1).Reason, "more than 1000 subscriptions")
	require.Equal(t, 1, wanted(o.outlet))
	require.Equal(t, 1, o.Send(message("good")).Sent)
	good.sink.wait(t, 1)
	require.Len(t, o.all(), 2+1+2*1000+1, "two peers, and every subscription came and went")
}

// A peer that sends PINGs without end and never reads the answers costs a few kilobytes.
func TestPingFlood(t *testing.T) {
	o := newOutlet(t, carrier.Drop, 0, bind("ipc://*"))
	p := connectRaw(t, o.address())
	p.shakeHands("SUB", 1)
	pings := bytes.Repeat(appendCommand(nil, cmdPing, []byte("\x00\x000123456789abcdef")), 20_000)
	for range 10 {
		p.send(pings)
	}
	p.send(appendSubscription(nil, 1, true, nil))
	o.wait(t, carrier.Subscribed, 1)
	require.Less(t, o.Peers()[0].QueueBytes, int64(2*maxControl))
}

func TestTheShortestHandshakeIsAlwaysAllowed(t *testing.T) {
	least := carrier.Limits{HandshakeBytes: 1}
	require.NoError(t, checkHandshake(&least, uint64(greetingSize+minReady)))
	require.EqualError(t, checkHandshake(&least, uint64(greetingSize+minReady+1)),
		"the peer's handshake is longer than 92 bytes (option limit.handshake.bytes)")
}
