package zmtp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/invariants"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

func TestSubscriptionsOfSeveralPeers(t *testing.T) {
	o, one, d := newOutletWithPeer(carrier.Limits{})
	two := &conn{s: &o.socket, id: 2}
	two.out.init(nil, 0, 0)
	do := func(c *conn, on bool, prefix string) {
		require.NoError(t, o.subscribe(c, on, []byte(prefix)))
	}
	do(one, true, "a")
	do(one, true, "a") // as libzmq has it, twice is once
	do(two, true, "a")
	do(two, true, "b")
	do(one, false, "a")
	do(one, false, "a")
	do(two, true, "c")
	do(one, true, "c")
	require.Equal(t, []string{"+a", "+b", "+c"}, topicHistory(d))
	o.detach(two)
	require.ElementsMatch(t, []string{"-a", "-b"}, topicHistory(d)[3:])
	o.detach(one)
	require.Equal(t, "-c", topicHistory(d)[5])
	require.Zero(t, o.wanted.Len())
	require.Equal(t, uint64(2), d.all()[4].Peer)
}

func TestCloseDrains(t *testing.T) {
	const n = 200_000
	o := newOutlet(t, carrier.Drop, n, bind("tcp://127.0.0.1:*"))
	slow := &gatedSink{}
	slow.close()
	in := openGated(t, slow, dial(o.address()))
	o.wait(t, carrier.Subscribed, 1)
	for range n / 1000 {
		b := batch.Get()
		for range 1000 {
			tick(b, `"ticks/aapl"`)
		}
		require.Equal(t, 1000, o.Send(b).Sent)
		b.Release()
	}
	require.Positive(t, o.Peers()[0].QueueMessages, "more than the kernel holds")
	time.AfterFunc(10*time.Millisecond, slow.open)
	require.Zero(t, o.Close(testkit.Soon))
	slow.sink.wait(t, n)
	in.Close()
}

func TestCloseGivesUpInTime(t *testing.T) {
	const n = 300_000
	o := newOutlet(t, carrier.Drop, n, bind("tcp://127.0.0.1:*"))
	slow := &gatedSink{}
	slow.close()
	openGated(t, slow, dial(o.address()))
	o.wait(t, carrier.Subscribed, 1)
	b := &batch.Batch{}
	for range n {
		b.AppendFrame(make([]byte, 100), false)
	}
	require.Equal(t, n, o.Send(b).Sent)
	require.Greater(t, o.Close(10*time.Millisecond), n/2)
}

func TestHugePayload(t *testing.T) {
	const size = 100 << 20
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"))
	i := newInlet(t, carrier.SUB, []string{"huge"}, dial(o.address()))
	i.forget()
	o.wait(t, carrier.Subscribed, 1)
	b := &batch.Batch{Buf: make([]byte, 0, size+100)}
	b.AppendFrame([]byte("huge"), true)
	b.AppendFrame(b.Buf[len(b.Buf)+20:len(b.Buf)+20+size], false)
	require.Equal(t, 1, o.Send(b).Sent, "bigger than the queue, and it is empty")
	i.sink.wait(t, 1)
	o.Send(message("huge", "small"))
	i.sink.wait(t, 2)
	require.Equal(t, int64(b.Size()+len(message("huge", "small").Buf)), i.sink.size())
}

func TestAMillionTinyOnes(t *testing.T) {
	const n = 1_000_000
	o := newOutlet(t, carrier.Drop, n, bind("tcp://127.0.0.1:*"))
	i := newInlet(t, carrier.SUB, []string{""}, dial(o.address()))
	i.forget()
	o.wait(t, carrier.Subscribed, 1)
	b := &batch.Batch{}
	for range n {
		b.AppendFrame([]byte("t"), false)
	}
	require.Equal(t, n, o.Send(b).Sent)
	i.sink.wait(t, n)
}

func TestSendAllocatesNothing(t *testing.T) {
	o := newOutlet(t, carrier.Wait, 0, bind("tcp://127.0.0.1:*"))
	for range 3 {
		i := newInlet(t, carrier.SUB, []string{`"ticks/`, `"other"`}, dial(o.address()))
		i.forget()
	}
	testkit.Eventually(t, func() bool {
		n := 0
		for _, p := range o.Peers() {
			n += p.Subscriptions
		}
		return n == 6
	}, "subscribed")
	b := batch.Get()
	for range 500 {
		tick(b, `"ticks/aapl"`)
	}
	for range 500 {
		tick(b, `"none"`)
	}
	per := testing.AllocsPerRun(300, func() { o.Send(b) })
	if !invariants.Enabled { // ranked locks allocate
		require.Less(t, per, 30.0, "for 1500 messages delivered; what a collected pool costs now and then")
	}
}

// TestWithoutAnySubscriptionTheEndOfABatchIsLeft, where Send waits for its peers; elsewhere, and
// for topics that others subscribe to, it is unwanted.
func TestWithoutAnySubscriptionTheEndOfABatchIsLeft(t *testing.T) {
	for overflow, left := range map[carrier.Overflow]bool{carrier.Wait: true, carrier.Drop: false} {
		o := newOutlet(t, overflow, 0, bind("tcp://127.0.0.1:*"))
		b := numbered("a", 0, 3)
		expect := func(what string, want carrier.Tally) {
			t.Helper()
			got := o.Send(b)
			require.Equal(t, left && want.Sent == 0 && what != "another topic", got.Left == 3, what)
			got.GiveUp()
			require.Equal(t, [3]int{want.Sent, want.Unwanted, want.NoPeer}, [3]int{got.Sent, got.Unwanted, got.NoPeer}, what)
		}
		expect("no peer", carrier.Tally{NoPeer: 3})
		in := newInlet(t, carrier.SUB, nil, dial(o.address()))
		o.eventLog.wait(t, carrier.Connected, 1)
		expect("no subscription", carrier.Tally{Unwanted: 3})
		in.Subscribe([]byte("b"))
		o.eventLog.wait(t, carrier.Subscribed, 1)
		expect("another topic", carrier.Tally{Unwanted: 3})
		in.Subscribe([]byte("a"))
		o.eventLog.wait(t, carrier.Subscribed, 2)
		expect("its topic", carrier.Tally{Sent: 3})
		in.Unsubscribe([]byte("a"))
		in.Unsubscribe([]byte("b"))
		o.eventLog.wait(t, carrier.Unsubscribed, 2)
		expect("no subscription any more", carrier.Tally{Unwanted: 3})
	}
}
