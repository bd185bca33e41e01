package backbone_test

import (
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/core/backbone"
)

// natsServer runs a NATS server.
func natsServer(t testing.TB, o *server.Options) *server.Server {
	t.Helper()
	o.Host, o.NoSigs, o.NoLog = "127.0.0.1", true, true
	if o.Port == 0 {
		o.Port = server.RANDOM_PORT
	}
	s, err := server.NewServer(o)
	require.NoError(t, err)
	go s.Start()
	require.True(t, s.ReadyForConnections(soon))
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	return s
}

func TestAMessageReachesTheReceiversOfAnotherSite(t *testing.T) {
	for _, engine := range engines() {
		t.Run(engine, func(t *testing.T) {
			url := natsServer(t, &server.Options{}).ClientURL()
			a, b := newOffice(t, "engine", engine), newOffice(t, "engine", engine)
			atA := join(t, a, backbone.Options{Servers: []string{url}, Site: "a"})
			atB := join(t, b, backbone.Options{Servers: []string{url}, Site: "b"})
			r := newReceiver(t, b, "t")
			p := newPublisher(t, a, "pub")
			const n = 20_000
			eventually(t, "the subscription does not arrive", func() bool { return atA.Stats().InterestRemote == 1 && atB.Stats().InterestLocal == 1 })
			publish(t, p, "t", 0, n)
			inOrder(t, collect(t, r, n), 0)
			lossless(t, r)
			sent, got := balanced(t, atA, a), balanced(t, atB, b)
			require.EqualValues(t, []any{n, n, n}, []any{int(sent.OutMessages), int(got.InMessages), int(a.Stats().OutMessages)})
			require.Zero(t, a.Stats().Unwanted)
			require.Zero(t, got.OutMessages, "what comes from the backbone does not return to it")
			const context = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
			require.NoError(t, p.PublishTraced("t", "", []byte("1"), context))
			require.Equal(t, context, collect(t, r, 1)[0].TraceParent)
		})
	}
}

func TestASecondBackboneIsRefused(t *testing.T) {
	url := natsServer(t, &server.Options{}).ClientURL()
	a := newOffice(t)
	b := join(t, a, backbone.Options{Servers: []string{url}})
	_, err := backbone.Join(a, backbone.Options{Servers: []string{url}})
	require.Equal(t, core.ESTATE, core.CodeOf(err))
	require.NoError(t, b.Close())
	join(t, a, backbone.Options{Servers: []string{url}})
}
