package zmtp

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/systemtopic"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

func TestMixedBatches(t *testing.T) {
	o := newOutlet(t, carrier.Wait, 0, bind("tcp://127.0.0.1:*"))
	everything := newInlet(t, carrier.SUB, []string{""}, dial(o.address()))
	even := newInlet(t, carrier.SUB, []string{"0", "2", "4", "6", "8"}, dial(o.address()))
	o.wait(t, carrier.Subscribed, 6)
	const rounds, size = 200, 50
	for round := range rounds {
		b := batch.Get()
		for i := range size {
			b.AppendFrame(fmt.Appendf(nil, "%d", i%10), true)
			b.AppendFrame(make([]byte, (round*i)%2000), false)
		}
		require.Equal(t, size, o.Send(b).Sent)
		b.Release()
	}
	everything.sink.wait(t, rounds*size)
	even.sink.wait(t, rounds*size/2)
	for at, msg := range even.got() {
		i := at % (size / 2) * 2
		require.Equal(t, fmt.Sprint(i%10), msg[0])
		require.Len(t, msg[1], (at/(size/2)*i)%2000)
	}
}

func TestTallyCountsEveryMessage(t *testing.T) {
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"))
	require.Equal(t, carrier.Tally{NoPeer: 3}, o.Send(numbered("a", 0, 3)))
	require.Equal(t, carrier.Tally{}, o.Send(&batch.Batch{}))
	in := newInlet(t, carrier.SUB, nil, dial(o.address()))
	o.wait(t, carrier.Connected, 1)
	require.Equal(t, carrier.Tally{Unwanted: 3}, o.Send(numbered("a", 0, 3)))
	require.NoError(t, in.Subscribe([]byte("a/1")))
	o.wait(t, carrier.Subscribed, 1)
	b := numbered("a", 0, 3)
	require.Equal(t, carrier.Tally{Sent: 1, SentBytes: int64(len(b.Message(1))), Unwanted: 2}, o.Send(b))
	in.Close()
	o.wait(t, carrier.Disconnected, 1)
	require.Equal(t, carrier.Tally{NoPeer: 3}, o.Send(b))
	o.Close(0)
	require.Equal(t, carrier.Tally{NoPeer: 3}, o.Send(b))

	w := newOutlet(t, carrier.Wait, 0, bind("tcp://127.0.0.1:*"))
	w.Close(0)
	require.Equal(t, carrier.Tally{Unsent: 3}, w.Send(b))
}

func TestSlowPeerDropsOnlyItsOwn(t *testing.T) {
	const queue, size = 500, 10
	o := newOutlet(t, carrier.Drop, queue, bind("tcp://127.0.0.1:*"))
	slow, quick := &gatedSink{}, &gatedSink{}
	slow.close()
	openGated(t, slow, dial(o.address()))
	o.wait(t, carrier.Subscribed, 1)
	openGated(t, quick, dial(o.address()))
	testkit.Eventually(t, func() bool { p := o.Peers(); return len(p) == 2 && p[1].Subscriptions == 1 }, "two peers")

	payload := make([]byte, 4000)
	total := 0
	testkit.Repeat(t, "the queue of the slow one overflows", func() bool {
		b := &batch.Batch{}
		for range size {
			b.AppendFrame(payload, false)
		}
		tally := o.Send(b)
		require.Equal(t, size, tally.Sent, "the fast one gets everything")
		total += size
		testkit.Eventually(t, func() bool { return quick.len() == total }, "the quick one is in time")
		return o.Peers()[0].Dropped >= 2000
	})
	peers := o.Peers()
	require.LessOrEqual(t, peers[0].QueueMessages, queue)
	require.Equal(t, uint64(total), peers[0].Sent+peers[0].Dropped+uint64(peers[0].QueueMessages))
	require.Equal(t, uint64(total), peers[1].Sent)
	require.Zero(t, peers[1].Dropped)

	slow.open()
	slow.sink.wait(t, total-int(peers[0].Dropped))
}

func TestDroppedByAll(t *testing.T) {
	o := newOutlet(t, carrier.Drop, 10, bind("tcp://127.0.0.1:*"))
	slow := &gatedSink{}
	slow.close()
	openGated(t, slow, dial(o.address()))
	o.wait(t, carrier.Subscribed, 1)
	b := message(string(make([]byte, 1<<20)))
	var sum carrier.Tally
	testkit.Repeat(t, "the queue overflows", func() bool {
		tally := o.Send(b)
		sum.Sent += tally.Sent
		sum.Dropped += tally.Dropped
		return sum.Dropped >= 20
	})
	p := o.Peers()[0]
	require.Equal(t, uint64(sum.Dropped), p.Dropped)
	require.Equal(t, sum.Sent, p.QueueMessages+int(p.Sent))
}

func TestWaitLosesNothing(t *testing.T) {
	const senders, n = 3, 20_000
	o := newOutlet(t, carrier.Wait, 50, bind("tcp://127.0.0.1:*"))
	slow := &gatedSink{}
	slow.keep = true
	slow.close()
	openGated(t, slow, dial(o.address()))
	o.wait(t, carrier.Subscribed, 1)
	var done sync.WaitGroup
	for s := range senders {
		done.Go(func() {
			for at := 0; at < n; at += 200 {
				if tally := o.Send(numbered(fmt.Sprint(s), at, at+200)); tally.Sent != 200 {
					t.Errorf("%+v", tally)
				}
			}
		})
	}
	testkit.Eventually(t, func() bool { return o.Peers()[0].QueueMessages == 50 }, "the queue is full: senders wait")
	slow.open()
	testkit.Wait(t, &done, "senders")
	slow.sink.wait(t, senders*n)
	next := map[string]int{}
	for _, msg := range slow.got() {
		s, i := msg[0][:1], 0
		_, err := fmt.Sscan(msg[0][2:], &i)
		require.NoError(t, err)
		require.Equal(t, next[s], i, "the order of sender %s", s)
		next[s]++
	}
}

func TestCloseWakesWait(t *testing.T) {
	o := newOutlet(t, carrier.Wait, 10, bind("tcp://127.0.0.1:*"))
	p := connectRaw(t, o.address())
	p.shakeHands("SUB", 1)
	p.send(appendSubscription(nil, 1, true, nil))
	o.wait(t, carrier.Subscribed, 1)
	payload := make([]byte, 4<<20) // ten of them are more than the kernel holds
	var sum carrier.Tally
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := &batch.Batch{}
		for range 20 {
			b.AppendFrame(payload, false)
		}
		for sum.Unsent == 0 {
			tally := o.Send(b)
			sum.Sent += tally.Sent
			sum.Unsent += tally.Unsent
			if tally.Sent+tally.Unsent != 20 {
				t.Errorf("%+v", tally)
			}
		}
	}()
	testkit.Eventually(t, func() bool { return o.Peers()[0].QueueMessages == 10 }, "the queue is full")
	unsent := o.Close(10 * time.Millisecond)
	testkit.Receive(t, done, "the sender")
	require.LessOrEqual(t, unsent, 10)
	require.Positive(t, unsent)
	require.Positive(t, sum.Unsent)
	require.Zero(t, o.Close(0), "twice is harmless")
}

func TestLeavingWakesWait(t *testing.T) {
	o := newOutlet(t, carrier.Wait, 10, bind("tcp://127.0.0.1:*"))
	p := connectRaw(t, o.address())
	p.shakeHands("SUB", 1)
	p.send(appendSubscription(nil, 1, true, nil))
	o.wait(t, carrier.Subscribed, 1)
	done := make(chan carrier.Tally, 1)
	b := &batch.Batch{}
	for range 500 {
		b.AppendFrame(make([]byte, 100_000), false)
	}
	go func() { done <- o.Send(b) }()
	testkit.Eventually(t, func() bool { return o.Peers()[0].QueueMessages == 10 }, "the queue is full")
	_ = p.Close()
	tally := testkit.Receive(t, done, "the sender")
	require.Positive(t, tally.Left)
	tally.GiveUp()
	require.Equal(t, 500, tally.Sent+tally.Unwanted+tally.NoPeer)
	require.Less(t, tally.Sent, 500)
	require.Zero(t, tally.Unsent)
}

// leaving is a connection whose send buffer takes nothing any more.
func leaving(topic string, leave func(*sendBuffer)) *conn {
	c := &conn{s: &socket{}}
	c.out.init(nil, 10, 1000)
	c.topics.Add([]byte(topic))
	leave(&c.out)
	return c
}

// TestAPeerThatClosesCountsOnlyItsTopics: messages that it does not subscribe to are unwanted.
func TestAPeerThatClosesCountsOnlyItsTopics(t *testing.T) {
	b := numbered("a", 0, 3)
	want := carrier.Tally{Unsent: 1, Unwanted: 2}
	c := leaving("a/1", (*sendBuffer).finish)

	f := fanOut{b: b, wait: true, outcomes: make([]outcome, 3)}
	f.sendTo(c)
	require.Equal(t, want, f.tally(1), "skipped")

	for _, next := range []int{0, 1} {
		late := failover{&fanOut{b: b, wait: true, outcomes: make([]outcome, 3)}, time.Second}
		require.False(t, late.offer(&path{c: c, next: next}))
		require.Equal(t, want, late.tally(1), "redundant path, tried from message %d on", next)
	}
}

// TestAMessageIsNotUnwantedBecauseItsPeerCloses: a peer that closes while its queue has no
// room has left, as for a Send that comes later.
func TestAMessageIsNotUnwantedBecauseItsPeerCloses(t *testing.T) {
	f := fanOut{b: numbered("a", 0, 3), outcomes: make([]outcome, 3)}
	c := leaving("a/1", (*sendBuffer).finish)
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	f.queueRun(c, 1, 2)
	require.Equal(t, carrier.Tally{NoPeer: 1, Unwanted: 2}, f.tally(1))
}

// knowsSystemTopics makes an outlet one that knows system topics, as that of a post office.
func knowsSystemTopics(c *carrier.Config) { c.System = systemtopic.Sign }

// systemTopics is a batch of ordinary topics, and system topics between them.
func systemTopics(n int) *batch.Batch {
	b := batch.Get()
	for i := range n {
		b.AppendFrame([]byte([]string{`"a"`, `"$hermes/a"`, `"$x"`, `"b"`, `["$"]`, ``}[i%6]), false)
	}
	return b
}

// TestSystemTopicsGoToThoseThatNameThem: in batches with others, on every way through a Send.
func TestSystemTopicsGoToThoseThatNameThem(t *testing.T) {
	const n = 600
	for _, overflow := range []carrier.Overflow{carrier.Drop, carrier.Wait, carrier.DropOld, carrier.LatestPerTopic, carrier.Block, carrier.Auto} {
		o := newOutlet(t, overflow, 0, bind("tcp://127.0.0.1:*"), knowsSystemTopics)
		for prefix, want := range map[string]int{``: n / 6 * 4, `"`: n / 6 * 2, `"$`: n / 6 * 2, `"$hermes/`: n / 6, `"$hermes/b`: 0} {
			in := newInlet(t, carrier.SUB, []string{prefix}, dial(o.address()))
			require.Eventually(t, func() bool { return o.wants(prefix) }, testkit.Soon, time.Millisecond)
			b := systemTopics(n)
			tally := o.Send(b)
			require.Equal(t, want, tally.Sent, "%s %q", overflow, prefix)
			require.Equal(t, n-want, tally.Unwanted+tally.Left, "%s %q", overflow, prefix)
			in.sink.wait(t, want)
			in.Close()
			require.Eventually(t, func() bool { return len(o.Peers()) == 0 }, testkit.Soon, time.Millisecond)
			b.Release()
		}
	}
}

// wants reports whether a peer subscribes to prefix.
func (o testOutlet) wants(prefix string) bool {
	o.outlet.events.Lock()
	defer o.outlet.events.Unlock()
	return o.wanted.Count([]byte(prefix)) > 0
}

// TestAPathIsSentSystemTopicsThatItNames: where the peers are redundant paths.
func TestAPathIsSentSystemTopicsThatItNames(t *testing.T) {
	const n = 60
	out, err := Opener{}.OpenOutlet(carrier.OutletConfig{
		Config: config(carrier.PUB, []option{bind("tcp://127.0.0.1:*"), knowsSystemTopics}), Overflow: carrier.Wait, StalledPathTimeout: time.Minute})
	require.NoError(t, err)
	t.Cleanup(func() { out.Close(0) })
	everything := newInlet(t, carrier.SUB, []string{""}, dial(out.Endpoints()[0]))
	state := newInlet(t, carrier.SUB, []string{`"$`}, dial(out.Endpoints()[0]))
	require.Eventually(t, func() bool {
		peers := out.Peers()
		return len(peers) == 2 && peers[0].Subscriptions == 1 && peers[1].Subscriptions == 1
	}, testkit.Soon, time.Millisecond)
	require.Equal(t, n, out.Send(systemTopics(n)).Sent)
	everything.sink.wait(t, n/6*4)
	state.sink.wait(t, n/6*2)
}

// TestAPublisherDoesNotWaitForWhoLooksAtItsState: what has no room is dropped, and what others want is sent.
func TestAPublisherDoesNotWaitForWhoLooksAtItsState(t *testing.T) {
	o := newOutlet(t, carrier.Wait, 10, bind("tcp://127.0.0.1:*"), knowsSystemTopics)
	stop := make(chan struct{})
	slow, err := Opener{}.OpenInlet(carrier.InletConfig{Config: config(carrier.SUB, []option{dial(o.address())}), Deliver: func(*batch.Batch) { <-stop }})
	require.NoError(t, err)
	t.Cleanup(slow.Close)
	t.Cleanup(func() { close(stop) })
	require.NoError(t, slow.Subscribe([]byte(`"$`)))
	everything := newInlet(t, carrier.SUB, []string{""}, dial(o.address()))
	o.wait(t, carrier.Subscribed, 2)
	big := make([]byte, 1<<20)
	sent := 0
	for dropped := 0; dropped == 0; {
		b := batch.Get()
		b.AppendFrame([]byte(`"$hermes/a"`), true)
		b.AppendFrame(big, false)
		b.AppendFrame([]byte(`"a"`), false)
		tally := o.Send(b)
		dropped, sent = dropped+tally.Dropped, sent+1
		b.Release()
	}
	everything.sink.wait(t, sent)
}
