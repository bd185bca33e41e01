package zmtp

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

func TestClosingWhileSubscriptionsWait(t *testing.T) {
	i := newInlet(t, carrier.SUB, nil, bind("tcp://127.0.0.1:*"))
	peer := connectRaw(t, i.address())
	peer.shakeHands("PUB", 0)
	i.eventLog.wait(t, carrier.Connected, 1)
	for range 100 {
		require.NoError(t, i.Subscribe(bytes.Repeat([]byte("x"), 64<<10)))
		require.NoError(t, i.Unsubscribe(bytes.Repeat([]byte("x"), 64<<10)))
	}
	i.Close() // does not wait for the peer
}
