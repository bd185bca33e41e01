package zmtp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

// openTwoPaths is an outlet with two peers, the first of which does not read at first.
func openTwoPaths(t *testing.T, timeout time.Duration, queue int, topics ...string) (o testOutlet, stalled, quick *gatedSink) {
	t.Helper()
	o = newOutlet(t, carrier.Wait, queue, bind("tcp://127.0.0.1:*"))
	o.stalledTimeout = timeout
	stalled, quick = &gatedSink{}, &gatedSink{}
	stalled.close()
	openGated(t, stalled, dial(o.address()))
	testkit.Eventually(t, func() bool { p := o.Peers(); return len(p) == 1 && p[0].Subscriptions == 1 }, "one peer")
	openGated(t, quick, dial(o.address()))
	testkit.Eventually(t, func() bool { p := o.Peers(); return len(p) == 2 && p[1].Subscriptions == 1 }, "two peers")
	return o, stalled, quick
}

// heavy is a batch that fills what the kernel holds quickly.
func heavy(n int) *batch.Batch {
	b := &batch.Batch{}
	payload := make([]byte, 50_000)
	for range n {
		b.AppendFrame(payload, false)
	}
	return b
}

func TestAStalledPathIsSkippedUntilItHasCaughtUp(t *testing.T) {
	const queue, n = 10, 20
	o, stalled, quick := openTwoPaths(t, 2*time.Second, queue) // longer than a busy machine stops the quick one
	total := 0
	send := func() {
		require.Equal(t, n, o.Send(heavy(n)).Sent, "the fast one gets everything")
		total += n
	}
	testkit.Repeat(t, "one path is stalled", func() bool {
		send()
		return o.Peers()[0].Dropped > 0
	})
	began := time.Now()
	for range 100 {
		send()
	}
	require.Less(t, time.Since(began), testkit.Soon, "no Send waits any more")
	quick.sink.wait(t, total)
	peers := o.Peers()
	require.Zero(t, peers[1].Dropped)
	require.LessOrEqual(t, peers[0].QueueMessages, queue)

	stalled.open()
	testkit.Eventually(t, func() bool { return o.Peers()[0].QueueMessages == 0 }, "it has caught up")
	missed := o.Peers()[0].Dropped
	for range 10 {
		send()
	}
	require.Equal(t, missed, o.Peers()[0].Dropped, "it takes part again")
	quick.sink.wait(t, total)
	stalled.sink.wait(t, total-int(missed))
}

func TestTheLastPathIsWaitedFor(t *testing.T) {
	o, stalled, quick := openTwoPaths(t, 20*time.Millisecond, 10)
	quick.close() // both are stalled now
	done := make(chan carrier.Tally, 1)
	go func() {
		var sum carrier.Tally
		for range 40 { // more than one can hold, whatever the kernel takes
			tally := o.Send(heavy(40))
			sum.Sent += tally.Sent
			sum.Dropped += tally.Dropped
		}
		done <- sum
	}()
	testkit.Eventually(t, func() bool {
		c := *o.peers.Load()
		return c[0].out.stalled.Load() || c[1].out.stalled.Load()
	}, "one is stalled")
	select {
	case sum := <-done:
		require.Fail(t, "nothing waits for the other", "%+v", sum)
	case <-time.After(200 * time.Millisecond):
	}
	quick.open()
	stalled.open()
	sum := testkit.Receive(t, done, "the sender")
	require.Equal(t, carrier.Tally{Sent: 1600}, sum, "each message has gone one way or the other")
}

func TestAStalledPathIsWaitedForAgainWhenTheOtherLeaves(t *testing.T) {
	o, stalled, quick := openTwoPaths(t, 20*time.Millisecond, 10)
	testkit.Repeat(t, "one path is stalled", func() bool {
		require.Equal(t, 20, o.Send(heavy(20)).Sent)
		return o.Peers()[0].Dropped > 0
	})
	quick.sink.forget()
	other := o.Peers()[1].ID
	for _, c := range *o.peers.Load() {
		if c.id == other {
			c.abort(errClosing)
		}
	}
	testkit.Eventually(t, func() bool { p := o.Peers(); return len(p) == 1 || p[0].ID != other && p[1].ID != other }, "it is gone")
	time.AfterFunc(50*time.Millisecond, stalled.open)
	for range 20 {
		require.Equal(t, carrier.Tally{Sent: 20, SentBytes: int64(heavy(20).Size())}, o.Send(heavy(20)))
	}
}

func TestWhatOnlyAStalledPathSubscribesToIsDroppedAndCounted(t *testing.T) {
	o, _, _ := openTwoPaths(t, 20*time.Millisecond, 10)
	testkit.Repeat(t, "one path is stalled", func() bool {
		require.Equal(t, 20, o.Send(heavy(20)).Sent)
		return o.Peers()[0].Dropped > 0
	})
	second := o.Peers()[1].ID
	for _, c := range *o.peers.Load() {
		if c.id == second {
			require.NoError(t, o.subscribe(c, false, nil))
		}
	}
	require.Equal(t, carrier.Tally{Dropped: 20}, o.Send(heavy(20)))
}

// TestAPathThatTricklesDoesNotMakeTheOtherTrickle: one that has room now and then is waited for
// no longer in all than one that has none.
func TestAPathThatTricklesDoesNotMakeTheOtherTrickle(t *testing.T) {
	const timeout, n = 100 * time.Millisecond, 20
	o, slow, quick := openTwoPaths(t, timeout, 1000)
	slow.sink.pause = 5 * time.Millisecond // for each batch
	slow.open()
	total := 0
	testkit.Repeat(t, "the slow path has missed a lot", func() bool {
		require.Equal(t, n, o.Send(heavy(n)).Sent)
		total += n
		return o.Peers()[0].Dropped > 5000
	})
	quick.sink.wait(t, total)
	require.Zero(t, o.Peers()[1].Dropped)
}
