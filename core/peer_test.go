package core

import (
	"testing"
	"time"

	zmq "github.com/pebbe/zmq4"
	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/testkit"
)

// rawPublisher connects a plain libzmq XPUB and gives a function that sends frames
// once somebody has subscribed.
func rawPublisher(t testing.TB, address string) func(frames ...string) {
	soc, err := zmq.NewSocket(zmq.XPUB)
	require.NoError(t, err)
	require.NoError(t, soc.SetLinger(0))
	require.NoError(t, soc.SetRcvtimeo(soon))
	require.NoError(t, soc.Connect(address))
	t.Cleanup(func() { _ = soc.Close() })
	_, err = soc.RecvBytes(0) // the subscription
	require.NoError(t, err)
	return func(frames ...string) {
		_, err := soc.SendMessage(frames)
		require.NoError(t, err)
	}
}

// readable polls a descriptor.
func readable(t testing.TB, fd int, timeout time.Duration) bool {
	t.Helper()
	return testkit.Readable(t, fd, timeout)
}
