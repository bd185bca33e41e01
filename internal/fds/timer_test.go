package fds

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestATimerEndsWhenItIsDue(t *testing.T) {
	timer, err := NewTimer()
	require.NoError(t, err)
	defer timer.Close()
	for range 3 {
		begun := time.Now()
		timer.Set(time.Millisecond)
		require.True(t, timer.Wait())
		require.GreaterOrEqual(t, time.Since(begun), time.Millisecond)
	}
	timer.Set(time.Hour)
	timer.Set(0) // is soon, and not never
	require.True(t, timer.Wait())
}

func TestTheEndOfATimerEndsItsWait(t *testing.T) {
	timer, err := NewTimer()
	require.NoError(t, err)
	timer.Set(time.Hour)
	over := make(chan bool)
	go func() { over <- timer.Wait() }()
	timer.Close()
	require.False(t, <-over)
	require.False(t, timer.Wait())
	timer.Set(time.Millisecond) // does nothing
}
