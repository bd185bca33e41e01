package fds

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/testkit"
)

func TestAWriteWakesTheGoroutineThatWaits(t *testing.T) {
	w, err := NewWakeFD()
	require.NoError(t, err)
	var done atomic.Bool
	looks, over := make(chan struct{}, 10), make(chan error)
	go func() {
		over <- w.Wait(func() bool {
			looks <- struct{}{}
			return done.Load()
		})
	}()
	<-looks // at once
	testkit.Write(t, w.FD(), []byte{1, 0, 0, 0, 0, 0, 0, 0})
	<-looks
	done.Store(true)
	w.Wake()
	require.NoError(t, <-over)
	require.NoError(t, w.Wait(func() bool { return true }))
	w.Close()
	require.Error(t, w.Wait(func() bool { return false }))
}
