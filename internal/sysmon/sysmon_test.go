package sysmon

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/clock"
)

// shows calls Show as if calls had followed each other for so long, the last one just now.
func shows(since, shown time.Duration) bool {
	var k KeepAlive
	now := clock.Monotonic()
	k.called.Store(int64(now))
	k.since.Store(int64(now - since))
	k.shown.Store(int64(now - shown))
	before := k.shown.Load()
	k.Show()
	return k.shown.Load() != before
}

func TestTheProcessorIsShownInTime(t *testing.T) {
	require.True(t, shows(time.Hour, time.Hour))
	require.False(t, shows(time.Hour, -time.Hour), "not long ago")
	require.False(t, shows(-time.Hour, time.Hour), "the calls have only begun")
}

func TestAThreadThatCallsRarelyBeginsAnew(t *testing.T) {
	var k KeepAlive
	k.called.Store(int64(clock.Monotonic() - time.Hour))
	k.since.Store(int64(clock.Monotonic() - 2*time.Hour))
	k.Show()
	require.InDelta(t, float64(clock.Monotonic()), float64(k.since.Load()), float64(time.Minute))
	require.Zero(t, k.shown.Load(), "it has lost its processor meanwhile")
}
