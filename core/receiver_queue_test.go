package core

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/notify"
	"github.com/hermes-zmq/hermes/internal/queue"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

// Tests of a receiver whose queue is full.

func TestAFullReceiverFollowsItsPolicy(t *testing.T) {
	eachTransport(t, func(t *testing.T, engine string) {
		for full, want := range rules {
			t.Run(full.String(), func(t *testing.T) {
				po := newOffice(t, engine)
				r := newReceiver(t, engine, get(t, po, "endpoint.out"), "on_slow", "ignore",
					"queue.messages", "10", "queue.block", "1ms", "queue.full", full.String())
				p := newPublisher(t, engine, get(t, po, "endpoint.in"))
				require.NoError(t, p.WaitReady(soon))
				for i := range 25 {
					require.NoError(t, p.Publish(fmt.Sprintf("t%d", i%5), "", []byte(fmt.Sprint(i))))
				}
				e := eventOf(t, r, "overflow")
				require.Contains(t, e.Text, "10 envelopes")
				if full == queue.Error {
					require.Equal(t, notify.Error, e.Level)
					require.NoError(t, r.Wait(soon))
					require.Contains(t, get(t, r, "stop_reason"), "overflow")
				} else {
					require.Eventually(t, func() bool { return r.Stats().Arrived == 25 }, soon, time.Millisecond)
					s := r.Stats()
					require.Equal(t, [3]uint64{want.new, want.old, want.same}, [3]uint64{s.DroppedOverflow, s.DroppedOld, s.DroppedConflated})
				}
				require.EqualValues(t, len(want.left), r.Stats().Queued)
				require.Equal(t, want.left, numbers(t, collect(t, r, len(want.left))))
				require.Zero(t, r.Stats().Lost, "what was dropped here is counted as such, and not as lost")
			})
		}
	})
}

// TestAFullReceiverHoldsBackThePublisher and loses nothing by it: that is the default.
func TestAFullReceiverHoldsBackThePublisher(t *testing.T) {
	eachTransport(t, func(t *testing.T, engine string) {
		p := newPublisher(t, engine, "@tcp://127.0.0.1:*", "queue.bytes", "256MiB")
		r := newReceiver(t, engine, get(t, p, "endpoint"), "on_slow", "ignore", "queue.messages", "100", "queue.block", "1h",
			"heartbeat.interval", "50ms", "heartbeat.timeout", "100ms")
		require.NoError(t, p.WaitReady(soon))
		const n = 40_000 // more than libzmq and the kernel take
		for range n {
			require.NoError(t, p.Publish("t", "", []byte(`"`+strings.Repeat("x", 1000)+`"`)))
		}
		require.Eventually(t, func() bool { return r.Stats().Queued == 100 }, soon, time.Millisecond)
		time.Sleep(300 * time.Millisecond) // several heartbeats
		require.NotZero(t, p.Stats().Queued, "the publisher waits")
		require.EqualValues(t, 100, r.Stats().Arrived)
		collect(t, r, n)
		s := r.Stats()
		require.Equal(t, [3]uint64{n, n, 0}, [3]uint64{s.Arrived, s.Delivered, s.Lost})
		for {
			e, err := r.NextEvent(0)
			if CodeOf(err) == ETIMEOUT {
				break
			}
			require.NotEqual(t, "disconnected", e.Kind, e.Text)
		}
	})
}

// TestAFullReceiverAnswersHeartbeats: its peer, which asks and gets no answer, must not
// take it for dead.
func TestAFullReceiverAnswersHeartbeats(t *testing.T) {
	eachTransport(t, func(t *testing.T, engine string) {
		p := newPublisher(t, "zmtp", "@tcp://127.0.0.1:*", "heartbeat.interval", "100ms", "heartbeat.timeout", "1s")
		r := newReceiver(t, engine, get(t, p, "endpoint"), "on_slow", "ignore", "queue.messages", "1",
			"queue.block", "1h", "heartbeat.interval", "100ms", "heartbeat.timeout", "1s")
		require.NoError(t, p.WaitReady(soon))
		for range 10 {
			require.NoError(t, p.Publish("t", "", []byte(`1`)))
		}
		require.Eventually(t, func() bool { return r.Stats().Queued == 1 }, soon, time.Millisecond)
		require.Never(t, func() bool { return len(p.Stats().Peers) == 0 }, 3*time.Second, 50*time.Millisecond)
		collect(t, r, 10)
	})
}

// TestAHigherBoundLetsIn: what waits for room comes in when a new bound makes some, and
// not only when something is taken.
func TestAHigherBoundLetsIn(t *testing.T) {
	p := newPublisher(t, "zmtp", "@tcp://127.0.0.1:*", "ready.hold", "1h")
	r := newReceiver(t, "zmtp", get(t, p, "endpoint"), "on_slow", "ignore", "queue.messages", "1", "queue.full", "block", "queue.block", "1h")
	for range 3 {
		require.NoError(t, p.Publish("t", "", []byte("1")))
	}
	require.Eventually(t, func() bool { return r.Stats().Queued == 1 }, soon, time.Millisecond)
	set(t, r, "queue.messages", "3")
	require.Eventually(t, func() bool { return r.Stats().Queued == 3 }, time.Minute, time.Millisecond)
}

func TestStoppingEndsTheWaitOfAFullReceiver(t *testing.T) {
	eachTransport(t, func(t *testing.T, engine string) {
		p := newPublisher(t, engine, "@tcp://127.0.0.1:*")
		r := newReceiver(t, engine, get(t, p, "endpoint"), "on_slow", "ignore", "queue.messages", "1", "queue.full", "block", "queue.block", "1h")
		require.NoError(t, p.WaitReady(soon))
		for range 1000 {
			require.NoError(t, p.Publish("t", "", []byte(`1`)))
		}
		require.Eventually(t, func() bool { return r.Stats().Queued == 1 }, soon, time.Millisecond)
		require.NoError(t, r.Subscribe("t")) // no other caller has to wait for it either
		require.NoError(t, r.Accept("pub"))
		require.NoError(t, r.Stop(0))
		s := r.Stats()
		require.Equal(t, s.Arrived, 1+s.DroppedOverflow)
		collect(t, r, 1)
	})
}

// accounted checks the sum of the counters.
func accounted(t *testing.T, r *Receiver) ReceiverStats {
	t.Helper()
	s := r.Stats()
	require.EqualValues(t, s.Arrived, s.Delivered+uint64(s.Queued)+uint64(s.Held)+s.DroppedOrigin+s.DroppedStale+s.DroppedMalformed+
		s.DroppedOverflow+s.DroppedOld+s.DroppedConflated+s.DroppedDuplicate)
	return s
}

// TestNothingIsLostWhereTheApplicationKeepsTaking, from several publishers, however slow it
// is, and while subscriptions change.
func TestNothingIsLostWhereTheApplicationKeepsTaking(t *testing.T) {
	eachTransport(t, func(t *testing.T, engine string) {
		r := newReceiver(t, engine, "@tcp://127.0.0.1:*", "on_slow", "ignore", "queue.messages", "50", "queue.block", "1h")
		const publishers, each = 3, 2000
		var publishing sync.WaitGroup
		for range publishers {
			p := newPublisher(t, engine, get(t, r, "endpoint"), "queue.block", "1h", "linger", soon.String())
			require.NoError(t, p.WaitReady(soon))
			publishing.Go(func() {
				random := rand.New(rand.NewPCG(8, 9))
				for i := range each {
					if p.Publish("t", "", fmt.Append(nil, i)) != nil {
						return // which the sums show
					}
					if random.IntN(100) == 0 {
						time.Sleep(time.Duration(random.IntN(2000)) * time.Microsecond)
					}
				}
				_ = p.Stop(soon)
			})
		}
		random := rand.New(rand.NewPCG(6, 7))
		for n := 0; n < publishers*each; {
			switch random.IntN(20) {
			case 0:
				time.Sleep(time.Duration(random.IntN(2000)) * time.Microsecond)
			case 1:
				require.NoError(t, r.Subscribe(""))
			default:
				d, err := r.Take(1+random.IntN(60), soon)
				require.NoError(t, err, "%s", r.StatsJSON())
				n += d.Len()
				d.Release()
				accounted(t, r)
			}
		}
		testkit.Wait(t, &publishing, "the publishers")
		s := accounted(t, r)
		require.EqualValues(t, []int{publishers * each, publishers * each, 0}, []int{int(s.Arrived), int(s.Delivered), int(s.Lost)})
	})
}

// TestAnApplicationThatStallsCostsEnvelopesUntilItHasCaughtUp.
func TestAnApplicationThatStallsCostsEnvelopesUntilItHasCaughtUp(t *testing.T) {
	eachTransport(t, func(t *testing.T, engine string) {
		p := newPublisher(t, engine, "@tcp://127.0.0.1:*")
		r := newReceiver(t, engine, get(t, p, "endpoint"), "on_slow", "ignore", "queue.messages", "10", "queue.block", "20ms")
		require.NoError(t, p.WaitReady(soon))
		arrive := func(n uint64) {
			t.Helper()
			require.Eventually(t, func() bool { return r.Stats().Arrived == n }, soon, time.Millisecond, "%s", r.StatsJSON())
			accounted(t, r)
		}
		publish := func(from, to int) {
			for i := from; i < to; i++ {
				require.NoError(t, p.Publish("t", "", fmt.Append(nil, i)))
			}
		}
		publish(0, 100)
		arrive(100)
		require.Contains(t, eventOf(t, r, "overflow").Text, "(queue.full = auto)")
		require.Equal(t, count(0, 4), numbers(t, collect(t, r, 4)))
		publish(100, 103)
		arrive(103)
		require.EqualValues(t, 93, r.Stats().DroppedOverflow, "more than half is left")
		collect(t, r, 1)
		publish(103, 106)
		arrive(106)
		require.EqualValues(t, 93, r.Stats().DroppedOverflow)
		require.Equal(t, append(count(5, 10), 103, 104, 105), numbers(t, collect(t, r, 8)))
		require.Zero(t, r.Stats().Lost)
	})
}

// TestAPairIsHeldBackTogether: while the receiver's queue is full both paths wait, and neither
// loses anything by that.
func TestAPairIsHeldBackTogether(t *testing.T) {
	eachTransport(t, func(t *testing.T, engine string) {
		var in, out []string
		for range 2 {
			po := newOffice(t, engine)
			in, out = append(in, get(t, po, "endpoint.in")), append(out, get(t, po, "endpoint.out"))
		}
		r := newReceiver(t, engine, strings.Join(out, ","), "on_slow", "ignore", "queue.messages", "20", "queue.block", "1h")
		require.NoError(t, r.WaitReady(soon))
		p := newPublisher(t, engine, strings.Join(in, ","))
		require.NoError(t, p.WaitReady(soon))
		const n = 3000
		for i := range n {
			require.NoError(t, p.Publish("t", "", fmt.Append(nil, i)))
		}
		require.Equal(t, count(0, n), numbers(t, collect(t, r, n)))
		s := accounted(t, r)
		require.EqualValues(t, []int{n, 0, 0}, []int{int(s.Delivered), int(s.Lost), int(s.DroppedOverflow)})
		require.Eventually(t, func() bool { return r.Stats().DroppedDuplicate == n }, soon, time.Millisecond, "the other path brings all of it, too")
	})
}

// TestAReceiverDoesNotStopForTheAgeOfWhatItHasHeldBack: with on_slow = stop, which is the
// default, an application that takes slowly gets everything, however old it has become elsewhere
// meanwhile; and what is late for another reason stops the receiver as ever.
func TestAReceiverDoesNotStopForTheAgeOfWhatItHasHeldBack(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		p := newPublisher(t, engine, "@tcp://127.0.0.1:*")
		r := newReceiver(t, engine, get(t, p, "endpoint"), "timeout", "10m", "queue.messages", "10", "queue.block", "1h")
		require.NoError(t, p.WaitReady(soon))
		const n = 200
		for range n {
			require.NoError(t, p.Publish("t", "", []byte(`"`+strings.Repeat("x", 20_000)+`"`))) // a few fill a batch
		}
		require.Eventually(t, func() bool { return r.Stats().Queued == 10 }, soon, time.Millisecond)
		step(t, time.Hour) // the others get so old
		collect(t, r, n)
		require.Zero(t, r.Stats().DroppedStale)
		require.Greater(t, r.Stats().LagMax, 3000.0)
		step(t, 0)
		set(t, r, "timeout", "100ms")
		require.Eventually(t, func() bool { return !r.queue.HeldBackWithin(500 * time.Millisecond) }, soon, time.Millisecond)
		late := fmt.Sprintf(`[["t","pub",1,%f]]`, float64(time.Now().Add(-400*time.Millisecond).UnixMicro())/1e6)
		_, err := p.PublishBatch([]byte(late))
		require.NoError(t, err)
		require.NoError(t, r.Wait(soon))
		require.Contains(t, get(t, r, "stop_reason"), "slow")
	})
}
