package relay

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/testkit"
)

func TestSettleWaitsForWhatHasBegun(t *testing.T) {
	var p passes
	require.NoError(t, p.settle(context.Background()))
	first := p.begin()
	short, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	require.ErrorIs(t, p.settle(short), context.DeadlineExceeded)
	second := p.begin()
	require.NotEqual(t, first, second)
	settled := make(chan error, 1)
	go func() { settled <- p.settle(context.Background()) }()
	p.end(second)
	require.False(t, p.none())
	p.end(first)
	require.NoError(t, <-settled)
	require.True(t, p.none())
}

func TestSettleDoesNotWaitForWhatComesMeanwhile(t *testing.T) {
	var p passes
	var over atomic.Bool
	var flow sync.WaitGroup
	for range 4 {
		flow.Go(func() {
			for !over.Load() {
				p.end(p.begin())
			}
		})
	}
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Soon)
	defer cancel()
	for range 100 {
		require.NoError(t, p.settle(ctx))
	}
	over.Store(true)
	flow.Wait()
	require.True(t, p.none())
}
