package notify

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A peer may be there before Start returns, and to a reader of the events it comes after.
func TestStartedComesBeforeConnected(t *testing.T) {
	var l Log
	l.Open()
	l.Add(Event{Kind: "connected"})
	_, some := l.Take()
	require.False(t, some, "it is not known yet whether it has started")
	l.Opened(&Event{Kind: "started"})
	l.Add(Event{Kind: "disconnected"})
	for _, kind := range []string{"started", "connected", "disconnected"} {
		e, _ := l.Take()
		require.Equal(t, kind, e.Kind)
		require.NotZero(t, e.TS)
	}
	l.Open()
	l.Add(Event{Kind: "retrying"})
	l.Opened(nil)
	e, _ := l.Take()
	require.Equal(t, "retrying", e.Kind)
}

func TestALogKeepsTheNewestAndCountsTheOthers(t *testing.T) {
	var l Log
	const lost = 3
	for i := range capacity + lost {
		l.Add(Event{Kind: "overflow", Count: uint64(i)})
	}
	require.EqualValues(t, lost, l.Dropped())
	for i := range capacity {
		require.True(t, l.Some().IsOpen())
		e, ok := l.Take()
		require.True(t, ok)
		require.EqualValues(t, lost+i, e.Count)
	}
	_, ok := l.Take()
	require.False(t, ok)
	require.False(t, l.Some().IsOpen())
}
