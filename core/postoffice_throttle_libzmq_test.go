//go:build cgo && !nolibzmq

package core

import (
	"fmt"
	"testing"

	zmq "github.com/pebbe/zmq4"
	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/testkit"
)

// TestPeersOfLibzmqAreHeldBackByTCPAlone: an XPUB that is told to wait waits, and a SUB that does
// not read is waited for.
func TestPeersOfLibzmqAreHeldBackByTCPAlone(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		const n, bytes = 20_000, 2000
		po := newOffice(t, engine, "queue.full", "block", "queue.messages", "2000", "queue.block", soon.String())
		sub, err := zmq.NewSocket(zmq.SUB)
		require.NoError(t, err)
		t.Cleanup(func() { _ = sub.Close() })
		require.NoError(t, sub.SetRcvhwm(100))
		require.NoError(t, sub.SetRcvtimeo(soon))
		require.NoError(t, sub.SetSubscribe(""))
		require.NoError(t, sub.Connect(get(t, po, "endpoint.out")))
		pub, err := zmq.NewSocket(zmq.XPUB)
		require.NoError(t, err)
		require.NoError(t, pub.SetXpubNodrop(true))
		require.NoError(t, pub.SetSndhwm(100))
		require.NoError(t, pub.SetRcvtimeo(soon))
		require.NoError(t, pub.Connect(get(t, po, "endpoint.in")))
		_, err = pub.RecvBytes(0) // the subscription
		require.NoError(t, err)
		done := make(chan error, 1)
		go func() {
			defer func() { _ = pub.Close() }()
			for i := range n {
				if _, err := pub.SendMessage("topic", fmt.Sprint(i), make([]byte, bytes)); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
		testkit.Eventually(t, func() bool { return po.Stats().Throttled > 0 }, "the publisher is held back")
		for i := range n {
			frames, err := sub.RecvMessage(0)
			require.NoError(t, err, "message %d", i)
			require.Equal(t, fmt.Sprint(i), frames[1])
		}
		require.NoError(t, testkit.Receive(t, done, "the publisher"))
		require.Zero(t, po.Stats().Dropped)
	})
}

func TestPoliciesThatLibzmqDoesNotHaveAreRefused(t *testing.T) {
	for _, full := range []string{"drop_old", "latest_per_topic"} {
		po, err := NewPostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*", "")
		require.NoError(t, err)
		set(t, po, "engine", "libzmq", "queue.full", full)
		code(t, ENOTSUP, po.Start(), "queue.full", "zmtp", "libzmq")
	}
}
