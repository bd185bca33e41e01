//go:build cgo && !nolibzmq

package zmtp

import (
	"testing"

	zmq "github.com/pebbe/zmq4"
	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
)

// TestLibzmqKeepsASetOfSubscriptions pins down what our set of subscriptions rests on: libzmq
// sends every subscription and only the last cancellation, and its XPUB keeps a set
// for each peer.
func TestLibzmqKeepsASetOfSubscriptions(t *testing.T) {
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"))
	sub := foreign(t, zmq.SUB)
	require.NoError(t, sub.Connect(o.address()))
	for range 3 {
		require.NoError(t, sub.SetSubscribe("a"))
	}
	o.wait(t, carrier.Subscribed, 1)
	for range 3 {
		require.NoError(t, sub.SetUnsubscribe("a"))
	}
	o.wait(t, carrier.Unsubscribed, 1)

	xpub := foreign(t, zmq.XPUB)
	require.NoError(t, xpub.Bind("tcp://127.0.0.1:*"))
	at, err := xpub.GetLastEndpoint()
	require.NoError(t, err)
	for _, minor := range []byte{0, 1} {
		p := connectRaw(t, at)
		p.shakeHands("SUB", minor)
		for _, on := range []bool{true, true, false} {
			p.send(appendSubscription(nil, minor, on, []byte{'a', minor}))
		}
		for _, want := range []string{"\x01a", "\x00a"} {
			msg, err := xpub.RecvMessage(0)
			require.NoError(t, err)
			require.Equal(t, []string{want + string(rune(minor))}, msg)
		}
	}
}

// TestFormsOfSubscriptionThatLibzmqSends pins down which form of subscription libzmq sends to whom.
func TestFormsOfSubscriptionThatLibzmqSends(t *testing.T) {
	for minor, want := range []string{"\x01a", "\x09SUBSCRIBEa"} {
		sub := foreign(t, zmq.SUB)
		require.NoError(t, sub.Bind("tcp://127.0.0.1:*"))
		at, err := sub.GetLastEndpoint()
		require.NoError(t, err)
		require.NoError(t, sub.SetSubscribe("a"))
		stop := keepUsing(sub)
		p := connectRaw(t, at)
		p.shakeHands("PUB", byte(minor)) // in which libzmq 4.3 announces 3.1
		flags, body := p.receiveFrame()
		stop()
		require.Equal(t, minor == 1, flags&batch.FlagCommand != 0)
		require.Equal(t, want, string(body))
	}
}
