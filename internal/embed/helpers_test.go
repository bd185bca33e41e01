package embed_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/internal/embed"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

func set(t *testing.T, c core.Component, pairs ...string) {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		require.NoError(t, c.Set(pairs[i], pairs[i+1]))
	}
}

// start starts a component, which ends with the test.
func start(t *testing.T, c core.Component, pairs ...string) {
	t.Helper()
	set(t, c, pairs...)
	require.NoError(t, c.Start())
	t.Cleanup(func() { _ = c.Close() })
}

// leasing is a receiver that a thread outside of Go waits for, and a publisher for it.
type leasing struct {
	*embed.Receiver
	receiver  *core.Receiver
	publisher *core.Publisher
	woken     atomic.Int64
}

func (l *leasing) Wake() { l.woken.Add(1) }

func (l *leasing) Stopped() {}

func newLeasing(t *testing.T, pairs ...string) *leasing {
	t.Helper()
	r, err := core.NewReceiver("@tcp://127.0.0.1:*", "rec")
	require.NoError(t, err)
	l := &leasing{receiver: r, Receiver: embed.ReceiverOf(r)}
	l.SetWaker(l)
	start(t, r, append([]string{"engine", "zmtp", "on_slow", "ignore"}, pairs...)...)
	at, err := r.Get("endpoint")
	require.NoError(t, err)
	l.publisher, err = core.NewPublisher(at, "pub")
	require.NoError(t, err)
	start(t, l.publisher, "ready.hold", testkit.Soon.String())
	require.NoError(t, l.publisher.WaitReady(testkit.Soon))
	require.NoError(t, r.WaitReady(testkit.Soon))
	return l
}

func (l *leasing) publish(t *testing.T, number int) {
	t.Helper()
	require.NoError(t, l.publisher.Publish("t", "", fmt.Append(nil, number)))
}
