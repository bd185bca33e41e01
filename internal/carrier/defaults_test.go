package carrier

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDefaultsFillInWhatIsZero(t *testing.T) {
	require.Equal(t, Config{HandshakeTimeout: DefaultHandshakeTimeout,
		HeartbeatInterval: DefaultHeartbeatInterval, HeartbeatTimeout: DefaultHeartbeatTimeout,
		ReconnectMin: DefaultReconnectMin, ReconnectMax: DefaultReconnectMax, Limits: DefaultLimits}, Config{}.WithDefaults())
}

func TestDefaultsKeepWhatIsSet(t *testing.T) {
	c := Config{HeartbeatInterval: -1, ReconnectMin: time.Minute, ReconnectMax: time.Second, Limits: Limits{Frames: 1}}.WithDefaults()
	require.EqualValues(t, -1, c.HeartbeatInterval, "negative is never")
	require.Equal(t, time.Minute, c.ReconnectMax, "not below the minimum")
	require.Equal(t, 1, c.Limits.Frames)
}
