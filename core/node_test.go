package core

import (
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

func TestANodeStopsWithAPartThatCannotKeepUp(t *testing.T) {
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

func TestANodeFailsWithItsPart(t *testing.T) {
	n, _ := relayNode(t, "zmtp")
	n.Publisher().Fail(errorf(EIO, "it broke"))
	require.Eventually(t, func() bool { return CodeOf(n.Wait(0)) == EINTERNAL }, soon, time.Millisecond)
	require.Equal(t, "stopped", get(t, n.Receiver(), "state"))
	require.Contains(t, get(t, n, "stop_reason"), "it broke")
}

func TestANodeLeavesToItsOwnerWhatTheOwnerDoesToAPart(t *testing.T) {
	n, _ := relayNode(t, "zmtp")
	require.NoError(t, n.Receiver().Stop(soon))
	require.NoError(t, n.Receiver().Start())
	require.NoError(t, n.Publisher().Stop(soon))
	require.NoError(t, n.Publisher().Start())
	time.Sleep(20 * time.Millisecond)
	require.Equal(t, "running", get(t, n, "state"))
}

// TestWhatTheRelayHasTakenIsInTheBooks: whatever moment the node is stopped at.
func TestWhatTheRelayHasTakenIsInTheBooks(t *testing.T) {
	n, po := relayNode(t, "zmtp", "on_slow", "ignore")
	p := newPublisher(t, "zmtp", get(t, po, "endpoint.in"))
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
}
