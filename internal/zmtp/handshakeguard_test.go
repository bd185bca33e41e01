package zmtp

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

func newGuard(ctx context.Context, most, rate int) *handshakeGuard {
	g := &handshakeGuard{}
	g.init(ctx, &carrier.Config{HandshakeTimeout: 2 * time.Second, Limits: carrier.Limits{Handshakes: most, HandshakeRate: rate}})
	return g
}

func TestHandshakesAtOnceAreBounded(t *testing.T) {
	g := newGuard(t.Context(), 2, 1)
	require.NoError(t, g.enter())
	require.NoError(t, g.enter())
	require.ErrorContains(t, g.enter(), "option limit.handshakes")
	g.leave()
	require.NoError(t, g.enter())
}

func TestHandshakesASecondAreBounded(t *testing.T) {
	g := newGuard(t.Context(), 1, 100) // two commands each
	start := time.Unix(1000, 0)
	waits := 0
	for n := range 400 {
		pause, err := g.take(start)
		require.NoError(t, err)
		require.Equal(t, n > 200, pause > 0, "command %d waits %v", n, pause)
		if pause > 0 {
			waits++
		}
	}
	require.Equal(t, 199, waits)
	refused := 0
	for range 1000 {
		if _, err := g.take(start); err != nil {
			require.ErrorContains(t, err, "option limit.handshakes.rate")
			refused++
		}
	}
	require.Equal(t, 799, refused, "those are refused whose turn would come after the handshake timeout")
	_, err := g.take(start.Add(time.Second))
	require.NoError(t, err)
}

func TestWaitingForATurnEndsWithTheSocket(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	g := newGuard(ctx, 1, 1)
	g.turn = time.Now().Add(time.Second)
	cancel()
	require.ErrorIs(t, g.pace(), errClosing)
}
