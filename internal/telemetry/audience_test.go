package telemetry

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

func TestAnAudienceWantsWhatItsPeersSubscribeTo(t *testing.T) {
	var a Audience
	topic := []byte(`"$hermes/receiver/a/stats"`)
	note := func(kind carrier.EventKind, prefix string) { a.Note(carrier.Event{Kind: kind, Prefix: []byte(prefix)}) }
	a.Begin(nil)
	changed := a.changed.Opened()
	note(carrier.Subscribed, "")
	note(carrier.Subscribed, `"ticks/`)
	note(carrier.Connected, `"$`)
	require.False(t, a.Wants(topic))
	require.Zero(t, a.Changes())
	note(carrier.Subscribed, `"$hermes/receiver/`)
	require.True(t, a.Wants(topic))
	require.EqualValues(t, 1, a.Changes())
	select {
	case <-changed:
	default:
		require.FailNow(t, "a goroutine that waits is not woken")
	}
	note(carrier.Unsubscribed, `"$hermes/receiver/`)
	require.False(t, a.Wants(topic))
	others := true
	a.Begin(func() bool { return others })
	require.True(t, a.Wants(topic), "others may want it")
	others = false
	require.False(t, a.Wants(topic))
}
