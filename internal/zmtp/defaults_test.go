package zmtp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

func TestDefaultsFillInWhatIsZero(t *testing.T) {
	c := withDefaults(carrier.Config{})
	require.Equal(t, carrier.DefaultLimits, c.Limits)
	require.Equal(t, defaultHandshakeTimeout, c.HandshakeTimeout)
	require.Equal(t, defaultHeartbeatInterval, c.HeartbeatInterval)
	require.Equal(t, defaultHeartbeatTimeout, c.HeartbeatTimeout)
	require.Equal(t, defaultReconnectMin, c.ReconnectMin)
	require.Equal(t, defaultReconnectMax, c.ReconnectMax)
}

func TestDefaultsKeepWhatIsSet(t *testing.T) {
	c := withDefaults(carrier.Config{HeartbeatInterval: -1, ReconnectMin: time.Minute, ReconnectMax: time.Second,
		Limits: carrier.Limits{HandshakeBytes: 1}})
	require.EqualValues(t, -1, c.HeartbeatInterval, "negative is never")
	require.Equal(t, time.Minute, c.ReconnectMax, "not below the minimum")
	require.Equal(t, greetingSize+minReady, c.Limits.HandshakeBytes, "enough for the shortest handshake")
}
