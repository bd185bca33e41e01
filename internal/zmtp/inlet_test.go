package zmtp

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

func TestSubscriptionsGoUpOnceAndComeBack(t *testing.T) {
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"))
	i := newInlet(t, carrier.SUB, []string{"a", "a", "b"}, dial(o.address()))
	o.wait(t, carrier.Subscribed, 2)
	require.NoError(t, i.Unsubscribe([]byte("a")))
	require.NoError(t, i.Unsubscribe([]byte("never")))
	require.NoError(t, i.Unsubscribe([]byte("b")))
	require.Equal(t, "b", string(o.wait(t, carrier.Unsubscribed, 1).Prefix), "a is still subscribed to once")
	require.NoError(t, i.Unsubscribe([]byte("a")))
	require.Equal(t, "a", string(o.wait(t, carrier.Unsubscribed, 2).Prefix))
	require.NoError(t, i.Subscribe([]byte("c")))
	o.wait(t, carrier.Subscribed, 3)

	i.Close()
	require.ErrorIs(t, i.Subscribe([]byte("d")), carrier.ErrClosed)
	o.wait(t, carrier.Disconnected, 1)
	var kinds []carrier.EventKind
	for _, e := range o.all() {
		kinds = append(kinds, e.Kind)
	}
	require.Equal(t, []carrier.EventKind{
		carrier.Connected, carrier.Subscribed, carrier.Subscribed, carrier.Unsubscribed, carrier.Unsubscribed, carrier.Subscribed,
		carrier.Unsubscribed, carrier.Disconnected,
	}, kinds)
}

// Messages without a subscription are filtered by a SUB, not by an XSUB, as in libzmq.
func TestFilter(t *testing.T) {
	send := func(kind carrier.Type) [][]string {
		i := newInlet(t, kind, []string{"a", "bb"}, bind("tcp://127.0.0.1:*"))
		p := connectRaw(t, i.address())
		p.shakeHands("PUB", 1)
		b := &batch.Batch{}
		for _, topic := range []string{"a", "b", "bb", "c", "abc", "", "bbb", "end"} {
			b.AppendFrame([]byte(topic), false)
		}
		p.send(b.Buf)
		testkit.Eventually(t, func() bool { p := i.Peers(); return len(p) == 1 && p[0].Received == 8 }, "all read")
		_ = p.Close()
		i.eventLog.wait(t, carrier.Disconnected, 1)
		return i.got()
	}
	require.Equal(t, [][]string{{"a"}, {"bb"}, {"abc"}, {"bbb"}}, send(carrier.SUB))
	require.Len(t, send(carrier.XSUB), 8)
}

// Subscriptions for a peer that does not read them are not queued without end.
func TestAPeerThatReadsNoSubscriptionsIsDisconnected(t *testing.T) {
	i := newInlet(t, carrier.SUB, nil, bind("ipc://*"))
	p := connectRaw(t, i.address())
	p.shakeHands("PUB", 1)
	i.eventLog.wait(t, carrier.Connected, 1)
	prefix := make([]byte, 100_000)
	testkit.Repeat(t, "the peer is disconnected", func() bool {
		require.NoError(t, i.Subscribe(prefix))
		require.NoError(t, i.Unsubscribe(prefix))
		return i.eventLog.find(carrier.Disconnected, 0) != nil
	})
	require.Contains(t, i.eventLog.wait(t, carrier.Disconnected, 1).Reason, "the peer does not read")
}
