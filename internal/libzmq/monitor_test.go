//go:build cgo && !nolibzmq

package libzmq

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

func TestPeersComeAndGo(t *testing.T) {
	var events eventLog
	in, _ := newInlet(t, carrier.InletConfig{Config: carrier.Config{Bind: []string{"tcp://127.0.0.1:*"}, OnEvent: events.record}})
	for i := range 3 {
		o := newOutlet(t, carrier.OutletConfig{Config: carrier.Config{Connect: in.Endpoints()}})
		require.Eventually(t, func() bool { return len(in.Peers()) == 1 && len(o.Peers()) == 1 }, testkit.Soon, time.Millisecond, "%d", i)
		o.Close(0)
		require.Eventually(t, func() bool { return len(in.Peers()) == 0 }, testkit.Soon, time.Millisecond)
	}
	require.True(t, events.has(carrier.Connected, ""))
	require.True(t, events.has(carrier.Disconnected, ""))
}
