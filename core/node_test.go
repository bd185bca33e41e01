package core

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/testkit"
)

// relayNode is a running node and the post office it belongs to.
func relayNode(t *testing.T, engine string, receiver ...string) (n *Node, po *PostOffice) {
	t.Helper()
	po = newOffice(t, engine)
	r, err := NewReceiver(get(t, po, "endpoint.out"), "r")
	require.NoError(t, err)
	require.NoError(t, r.Subscribe("ticks"))
	p, err := NewPublisher(get(t, po, "endpoint.in"), "p")
	require.NoError(t, err)
	set(t, r, append([]string{"engine", engine}, receiver...)...)
	set(t, p, "engine", engine)
	n, err = NewNode("n", r, p)
	require.NoError(t, err)
	require.NoError(t, n.Start())
	t.Cleanup(func() { _, _, _ = n.Close(), r.Close(), p.Close() })
	return n, po
}

func TestANodeStopsWithAComponentThatCannotKeepUp(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		n, po := relayNode(t, engine, "timeout", "0")
		p := newPublisher(t, engine, get(t, po, "endpoint.in"))
		require.NoError(t, p.WaitReady(soon))
		publishUntil(t, p, "ticks/x", "1", func() bool { return get(t, n, "state") == "stopped" })
		require.NoError(t, n.Wait(soon))
		require.Contains(t, get(t, n, "stop_reason"), `receiver "r" has stopped (slow`)
		require.Equal(t, "stopped", get(t, n.Publisher(), "state"))
		require.NoError(t, n.Start(), "and can be started again")
	})
}

func TestANodeFailsWithItsComponent(t *testing.T) {
	n, _ := relayNode(t, "zmtp")
	n.Publisher().Fail(errorf(EIO, "it broke"))
	require.Eventually(t, func() bool { return CodeOf(n.Wait(0)) == EINTERNAL }, soon, time.Millisecond)
	require.Equal(t, "stopped", get(t, n.Receiver(), "state"))
	require.Contains(t, get(t, n, "stop_reason"), "it broke")
}

func TestANodeGoesOnWhenItsOwnerStopsAComponent(t *testing.T) {
	n, _ := relayNode(t, "zmtp")
	require.NoError(t, n.Receiver().Stop(soon))
	require.NoError(t, n.Receiver().Start())
	require.NoError(t, n.Publisher().Stop(soon))
	require.NoError(t, n.Publisher().Start())
	time.Sleep(20 * time.Millisecond)
	require.Equal(t, "running", get(t, n, "state"))
}

// TestWhatTheRelayHasTakenIsCounted: whatever moment the node is stopped at.
func TestWhatTheRelayHasTakenIsCounted(t *testing.T) {
	eachOfOurs(t, func(t *testing.T, engine string) {
		n, po := relayNode(t, engine, "on_slow", "ignore")
		p := newPublisher(t, engine, get(t, po, "endpoint.in"))
		require.NoError(t, p.WaitReady(soon))
		for i := range 20 {
			ended := make(chan error, 1)
			go func() { ended <- n.Run() }()
			before := n.Receiver().Stats().Delivered
			publishUntil(t, p, "ticks/x", "1", func() bool { return n.Receiver().Stats().Delivered > before })
			for range 2000 {
				require.NoError(t, p.Publish("ticks/x", "", []byte("1")))
			}
			dropped := n.Publisher().Stats().DroppedStop
			if i%2 == 0 {
				require.NoError(t, n.Stop(soon))
				require.Equal(t, dropped, n.Publisher().Stats().DroppedStop, "there was time")
			} else if err := n.Stop(0); err != nil {
				code(t, ETIMEOUT, err)
			}
			require.NoError(t, testkit.Receive(t, ended, "the loop of the node"))
			require.Equal(t, n.Receiver().Stats().Delivered, n.Publisher().Stats().Accepted)
			require.NoError(t, n.Start())
			require.NoError(t, n.WaitReady(soon))
		}
	})
}

func TestANodeReportsTheProblemsOfItsComponents(t *testing.T) {
	p, err := NewPublisher(closedPort(t), "p")
	require.NoError(t, err)
	r, err := NewReceiver(closedPort(t), "r")
	require.NoError(t, err)
	n, err := NewNode("n", r, p)
	require.NoError(t, err)
	require.Empty(t, get(t, n, "warning"))
	require.NoError(t, n.Start())
	t.Cleanup(func() { _ = n.Close(); _ = r.Close(); _ = p.Close() })
	told(t, r, "connection refused")
	told(t, p, "connection refused")
	for _, who := range []string{`receiver "r": cannot connect`, `publisher "p": cannot connect`} {
		require.Contains(t, get(t, n, "warning"), who)
	}
	require.Contains(t, get(t, n, "problem"), "connection refused")
	code(t, ETIMEOUT, n.WaitReady(time.Millisecond), "connection refused")
}

func TestANodeRelays(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		po := newOffice(t, engine)
		first, err := NewReceiver(get(t, po, "endpoint.out"), "in")
		require.NoError(t, err)
		require.NoError(t, first.Subscribe("ticks"))
		out, err := NewPublisher(get(t, po, "endpoint.in"), "out")
		require.NoError(t, err)
		set(t, first, "engine", engine)
		set(t, out, "engine", engine)
		n, err := NewNode("relay", first, out)
		require.NoError(t, err)
		code(t, ESTATE, n.Run())
		require.NoError(t, n.Start())
		ended := make(chan error, 1)
		go func() { ended <- n.Run() }()

		r := newReceiver(t, engine, get(t, po, "endpoint.out"))
		require.NoError(t, r.Subscribe("RAW/"))
		p := newPublisher(t, engine, get(t, po, "endpoint.in"))
		require.NoError(t, n.WaitReady(soon))
		require.NoError(t, p.WaitReady(soon))
		var e Envelope
		publishUntil(t, p, "ticks/x", `{"a": 1}`, func() bool {
			e, err = r.Recv(50 * time.Millisecond)
			return err == nil
		})
		require.Equal(t, "RAW/relay", e.Topic)
		require.Equal(t, "relay", e.Origin)
		require.Equal(t, `{"a": 1}`, string(e.Data))

		require.True(t, json.Valid(n.StatsJSON()))
		require.NoError(t, n.Stop(soon))
		require.NoError(t, testkit.Receive(t, ended, "the loop of the node"))
		require.NoError(t, n.Close())
		require.NoError(t, first.Close())
		require.NoError(t, out.Close())
		alone, err := NewNode("alone", nil, nil)
		require.NoError(t, err)
		code(t, ENOTSUP, alone.Publish("c", []byte("1")))
		_, err = alone.Take(1, 0)
		code(t, ENOTSUP, err)
	})
}
