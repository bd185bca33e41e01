package latch

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestALatchOpensAndCloses(t *testing.T) {
	var l Latch
	require.False(t, l.IsOpen())
	first := l.Opened()
	require.False(t, closed(first))
	l.Set(true)
	require.True(t, l.IsOpen())
	require.True(t, closed(first))
	require.True(t, closed(l.Opened()))
	l.Set(true) // again: nothing happens
	l.Set(false)
	require.False(t, l.IsOpen())
	require.False(t, closed(l.Opened()))
	require.True(t, closed(first), "a channel stays closed")
}

func TestWakeEndsAWaitWithoutOpening(t *testing.T) {
	var l Latch
	l.Wake() // no goroutine waits
	waits := l.Opened()
	l.Wake()
	require.True(t, closed(waits))
	require.False(t, l.IsOpen())
	require.False(t, closed(l.Opened()))
	l.Set(true)
	l.Wake()
	require.True(t, l.IsOpen())
	require.True(t, closed(l.Opened()))
}
