package core

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/testkit"
)

// slowReceiver stops reading when 100 envelopes wait for its program.
func slowReceiver(t testing.TB, address string, pairs ...string) *Receiver {
	t.Helper()
	return newReceiver(t, "auto", address, append([]string{"queue.full", "block", "queue.block", soon.String(),
		"queue.messages", "100", "on_slow", "ignore"}, pairs...)...)
}

// publishInBackground publishes n envelopes of about a kilobyte, as fast as it can.
func publishInBackground(p *Publisher, n int) <-chan error {
	done := make(chan error, 1)
	data := []byte(`"` + strings.Repeat("x", 1000) + `"`)
	go func() {
		for range n {
			if err := p.Publish("topic", "", data); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	return done
}

// takeSlowly takes n envelopes, with pauses.
func takeSlowly(t testing.TB, r *Receiver, n int) {
	t.Helper()
	for got := 0; got < n; {
		d, err := r.Take(min(n-got, 64), soon)
		require.NoError(t, err, "after %d of %d: %s", got, n, r.StatsJSON())
		got += d.Len()
		d.Release()
		time.Sleep(200 * time.Microsecond)
	}
}

func TestOneReceiverHoweverSlowLosesNothing(t *testing.T) {
	eachOfOurs(t, func(t *testing.T, engine string) {
		for _, full := range []string{"auto", "block"} {
			t.Run(full, func(t *testing.T) {
				const n = 50_000
				po := newOffice(t, engine, "queue.full", full)
				r := slowReceiver(t, get(t, po, "endpoint.out"))
				require.NoError(t, r.Subscribe(""))
				p := newPublisher(t, engine, get(t, po, "endpoint.in"), "queue.messages", "1000", "queue.block", soon.String())
				done := publishInBackground(p, n)
				takeSlowly(t, r, n)
				require.NoError(t, testkit.Receive(t, done, "the publisher"))
				s := po.Stats()
				require.Equal(t, [2]uint64{n, 0}, [2]uint64{s.OutMessages, s.Dropped})
				require.Zero(t, r.Stats().Lost)
				require.Positive(t, s.Throttled)
				require.Positive(t, s.Publishers[0].Throttled)
				require.Equal(t, s.Subscribers[0].ID, s.Publishers[0].ThrottledBy)
				hears(t, po, "is held back, because the subscriber at "+s.Subscribers[0].Address+" does not keep up")
			})
		}
	})
}

func TestOneSlowReceiverAmongFastOnesSlowsNobody(t *testing.T) {
	eachOfOurs(t, func(t *testing.T, engine string) {
		const n = 100_000
		po := newOffice(t, engine, "queue.messages", "5000")
		stalled := slowReceiver(t, get(t, po, "endpoint.out")) // until all has been sent it takes nothing
		require.NoError(t, stalled.Subscribe(""))
		fast := newReceiver(t, engine, get(t, po, "endpoint.out"), "on_slow", "ignore")
		require.NoError(t, fast.Subscribe(""))
		testkit.Eventually(t, func() bool { return subscribed(po.Stats()) == 2 }, "both are there")
		p := newPublisher(t, engine, get(t, po, "endpoint.in"), "queue.block", soon.String())
		done := publishInBackground(p, n)
		got := 0
		for range 100 { // in parts, so that its own queue does not fill up
			got += len(collect(t, fast, n/100))
		}
		require.NoError(t, testkit.Receive(t, done, "the publisher"))
		require.Equal(t, n, got)
		require.Zero(t, fast.Stats().Lost)
		dropped := uint64(0)
		for _, s := range po.Stats().Subscribers {
			dropped += s.Dropped
		}
		require.Positive(t, dropped)
		takeSlowly(t, stalled, n-int(dropped))
		require.NoError(t, p.Publish("topic", "", []byte("1")), "which shows what was lost before")
		takeSlowly(t, stalled, 1)
		require.Equal(t, dropped, stalled.Stats().Lost)
	})
}

// TestAChainOfPostOfficesHoldsBackItsPublisher: what the last receiver does not take waits at the
// publisher, not in between.
func TestAChainOfPostOfficesHoldsBackItsPublisher(t *testing.T) {
	const n = 50_000
	first := newOffice(t, "zmtp")
	second, err := NewPostOffice(">"+get(t, first, "endpoint.out"), "tcp://127.0.0.1:*", "")
	require.NoError(t, err)
	require.NoError(t, second.Start())
	t.Cleanup(func() { _ = second.Close() })
	r := slowReceiver(t, get(t, second, "endpoint.out"))
	require.NoError(t, r.Subscribe(""))
	p := newPublisher(t, "zmtp", get(t, first, "endpoint.in"), "queue.messages", "1000", "queue.block", soon.String())
	done := publishInBackground(p, n)
	takeSlowly(t, r, n)
	require.NoError(t, testkit.Receive(t, done, "the publisher"))
	require.Equal(t, [3]uint64{}, [3]uint64{first.Stats().Dropped, second.Stats().Dropped, r.Stats().Lost})
	require.Positive(t, second.Stats().Throttled)
}

func TestAPostOfficeStopsWhileAPublisherIsHeldBack(t *testing.T) {
	eachOfOurs(t, func(t *testing.T, engine string) {
		po := newOffice(t, engine)
		r := slowReceiver(t, get(t, po, "endpoint.out"))
		require.NoError(t, r.Subscribe(""))
		p := newPublisher(t, engine, get(t, po, "endpoint.in"), "queue.block", soon.String())
		done := publishInBackground(p, 50_000)
		testkit.Eventually(t, func() bool { return po.Stats().Throttled > 0.5 }, "it is held back, and nothing moves")
		began := time.Now()
		code(t, ETIMEOUT, po.Stop(300*time.Millisecond), "not sent")
		require.Less(t, time.Since(began), soon/2)
		s := po.Stats()
		require.Equal(t, s.InMessages, s.OutMessages+s.Unwanted+s.Dropped)
		require.NoError(t, testkit.Receive(t, done, "the publisher"))
	})
}

// TestAPostOfficeOfAPairThatHoldsBackItsPublisherDoesNotSlowTheOther: the publisher waits for it for
// redundant.wait altogether, and then leaves it behind.
func TestAPostOfficeOfAPairThatHoldsBackItsPublisherDoesNotSlowTheOther(t *testing.T) {
	eachOfOurs(t, func(t *testing.T, engine string) {
		const n = 100_000
		throttled, free := newOffice(t, engine), newOffice(t, engine)
		stalled := slowReceiver(t, get(t, throttled, "endpoint.out")) // takes nothing
		require.NoError(t, stalled.Subscribe(""))
		fast := newReceiver(t, engine, get(t, free, "endpoint.out"), "on_slow", "ignore")
		require.NoError(t, fast.Subscribe(""))
		p := newPublisher(t, engine, get(t, throttled, "endpoint.in")+","+get(t, free, "endpoint.in"), "redundant.wait", "50ms", "queue.block", soon.String())
		testkit.Eventually(t, func() bool {
			return subscribed(throttled.Stats())+subscribed(free.Stats()) == 2 && len(p.Stats().Peers) == 2 &&
				p.Stats().Peers[0].Subscriptions > 0 && p.Stats().Peers[1].Subscriptions > 0
		}, "all are there")
		done := publishInBackground(p, n)
		got, published := 0, n
		for end := time.Now().Add(soon); got+int(fast.Stats().Lost) < published; {
			require.True(t, time.Now().Before(end), fast.StatsJSON())
			d, err := fast.Take(1000, 10*time.Millisecond)
			if err != nil {
				code(t, ETIMEOUT, err)
				if len(done) > 0 { // one more shows what was lost at the end
					require.NoError(t, p.Publish("topic", "", []byte("0")))
					published++
				}
				continue
			}
			got += d.Len()
			d.Release()
			end = time.Now().Add(soon)
		}
		require.NoError(t, testkit.Receive(t, done, "the publisher"))
		require.Positive(t, throttled.Stats().Throttled)
		dropped := map[string]uint64{}
		for _, peer := range p.Stats().Peers {
			dropped[peer.Address] = peer.Dropped
		}
		require.Positive(t, dropped[get(t, throttled, "endpoint.in")], "what the other has missed")
		// A machine that runs a post office too rarely for redundant.wait makes the publisher leave it behind too.
		require.LessOrEqual(t, fast.Stats().Lost, dropped[get(t, free, "endpoint.in")])
	})
}
