package core

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/systemtopic"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

// watching starts a receiver of what components publish of themselves.
func watching(t testing.TB, engine, address string) *Receiver {
	t.Helper()
	r, err := NewReceiver(address, "watcher")
	require.NoError(t, err)
	set(t, r, "engine", engine)
	require.NoError(t, r.Subscribe(systemtopic.Prefix))
	require.NoError(t, r.Start())
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// stateOf waits until one envelope of this topic has been received for which ok reports true.
func stateOf(t *testing.T, r *Receiver, topic string, ok func(m map[string]any) bool) map[string]any {
	t.Helper()
	end := time.Now().Add(soon)
	for time.Now().Before(end) {
		e, err := r.Recv(soon)
		require.NoError(t, err)
		var m map[string]any
		require.NoError(t, json.Unmarshal(e.Data, &m), "%s", e.Data)
		if e.Topic == topic && ok(m) {
			return m
		}
	}
	require.FailNow(t, "no state", topic)
	return nil
}

func anyState(map[string]any) bool { return true }

// TestEveryComponentShowsItself: a post office by itself, a publisher, a receiver through the publisher
// of its node, and one through an address; and none of it reaches a subscriber of everything.
func TestEveryComponentShowsItself(t *testing.T) {
	eachOfOurs(t, func(t *testing.T, engine string) {
		po := newOffice(t, engine, "stats.interval", "20ms", "stats.name", "hub/1")
		in, out := get(t, po, "endpoint.in"), get(t, po, "endpoint.out")
		all := newReceiver(t, engine, out, "timeout", "1m")
		p := newPublisher(t, engine, in, "stats.interval", "20ms")
		lone := newReceiver(t, engine, out, "timeout", "1m", "stats.interval", "20ms", "stats.address", in, "stats.name", "lone")

		inner, err := NewReceiver(out, "n")
		require.NoError(t, err)
		defer func() { _ = inner.Close() }()
		set(t, inner, "stats.interval", "20ms", "timeout", "1m")
		via, err := NewPublisher(in, "n")
		require.NoError(t, err)
		defer func() { _ = via.Close() }()
		n, err := NewNode("n", inner, via)
		require.NoError(t, err)
		defer func() { _ = n.Close() }()
		require.NoError(t, n.Start())
		require.NoError(t, inner.WaitReady(soon))

		w := watching(t, engine, out)
		const marks = 10
		for range marks {
			require.NoError(t, p.Publish("ticks", "", []byte("1")))
		}
		office := stateOf(t, w, "$hermes/postoffice/hub%2F1/stats", func(m map[string]any) bool { return m["own_messages"].(float64) > 3 })
		require.Equal(t, "post office", office["kind"])
		require.NotEmpty(t, office["instance"])
		stateOf(t, w, "$hermes/publisher/pub/stats", func(m map[string]any) bool { return m["accepted"].(float64) > marks })
		stateOf(t, w, "$hermes/receiver/lone/stats", func(m map[string]any) bool { return m["arrived"].(float64) == marks })
		stateOf(t, w, "$hermes/receiver/n/stats", func(m map[string]any) bool { return m["arrived"].(float64) == marks })
		require.NoError(t, lone.Stop(soon))
		last := stateOf(t, w, "$hermes/receiver/lone/stats", func(m map[string]any) bool { return m["state"] == "stopping" })
		require.EqualValues(t, marks, last["arrived"])

		for range marks {
			e, err := all.Recv(soon)
			require.NoError(t, err)
			require.Equal(t, "ticks", e.Topic)
		}
		require.NoError(t, p.Publish("end", "", []byte("1")))
		e, err := all.Recv(soon)
		require.NoError(t, err)
		require.Equal(t, "end", e.Topic, "a subscriber of everything has seen nothing of it")
		s := po.Stats()
		require.Equal(t, s.InMessages, s.OutMessages+s.Unwanted+s.Dropped)
		require.NotZero(t, s.OwnMessages)
	})
}

// TestEventsArePublishedAsTheyHappen: with the fields of the event.
func TestEventsArePublishedAsTheyHappen(t *testing.T) {
	eachOfOurs(t, func(t *testing.T, engine string) {
		po := newOffice(t, engine, "stats.interval", "1h", "stats.name", "hub")
		w := watching(t, engine, get(t, po, "endpoint.out"))
		stateOf(t, w, "$hermes/postoffice/hub/stats", anyState) // it came with the subscription
		newPublisher(t, engine, get(t, po, "endpoint.in"))
		e := stateOf(t, w, "$hermes/postoffice/hub/events", func(m map[string]any) bool { return m["kind"] == "connected" })
		require.NotEmpty(t, e["text"])
		require.NotEmpty(t, e["ts"])
		require.Equal(t, "info", e["level"])
	})
}

// TestTheIntervalMayChangeWhileItRuns: from never to often and back.
func TestTheIntervalMayChangeWhileItRuns(t *testing.T) {
	eachOfOurs(t, func(t *testing.T, engine string) {
		po := newOffice(t, engine, "stats.name", "hub")
		w := watching(t, engine, get(t, po, "endpoint.out"))
		_, err := w.Recv(50 * time.Millisecond)
		require.Equal(t, ETIMEOUT, CodeOf(err))
		set(t, po, "stats.interval", "10ms")
		stateOf(t, w, "$hermes/postoffice/hub/stats", anyState)
		set(t, po, "stats.interval", "0")
		require.Eventually(t, func() bool {
			before := po.Stats().OwnMessages
			time.Sleep(60 * time.Millisecond)
			return po.Stats().OwnMessages == before
		}, soon, time.Millisecond)
	})
}

// TestAReceiverThatCannotShowItselfSaysSo: there must be something to publish with.
func TestAReceiverThatCannotShowItselfSaysSo(t *testing.T) {
	r, err := NewReceiver("tcp://127.0.0.1:1", "r")
	require.NoError(t, err)
	defer func() { _ = r.Close() }()
	set(t, r, "stats.interval", "1s")
	err = r.Start()
	require.Equal(t, EOPTION, CodeOf(err))
	require.ErrorContains(t, err, "stats.address")
	require.Error(t, r.Set("stats.address", "nowhere"))
}

// TestAPublisherThatIsBoundHidesItsStateToo: a receiver that subscribes to everything gets what it
// publishes, and nothing of what it publishes of itself; other topics with a dollar sign are as in 1.x.
func TestAPublisherThatIsBoundHidesItsStateToo(t *testing.T) {
	p := newPublisher(t, "zmtp", "@tcp://127.0.0.1:*", "stats.interval", "10ms")
	all := newReceiver(t, "zmtp", get(t, p, "endpoint"), "timeout", "1m")
	w := watching(t, "zmtp", get(t, p, "endpoint"))
	stateOf(t, w, "$hermes/publisher/pub/stats", anyState)
	require.NoError(t, p.WaitReady(soon))
	require.NoError(t, p.Publish("$GPGGA", "", []byte("1")))
	e, err := all.Recv(soon)
	require.NoError(t, err)
	require.Equal(t, "$GPGGA", e.Topic)
}

// TestWhoLooksAtStateIsNoSubscriber: a publisher holds its envelopes until a receiver wants them.
func TestWhoLooksAtStateIsNoSubscriber(t *testing.T) {
	eachTransport(t, func(t *testing.T, engine string) {
		po := newOffice(t, engine)
		watching(t, engine, get(t, po, "endpoint.out"))
		p := newPublisher(t, engine, get(t, po, "endpoint.in"))
		require.NoError(t, p.Publish("ticks", "", []byte("1")))
		require.Eventually(t, func() bool { return len(po.Stats().Publishers) == 1 || engine != "zmtp" }, soon, time.Millisecond)
		require.Error(t, p.WaitReady(100*time.Millisecond))
		r := newReceiver(t, engine, get(t, po, "endpoint.out"), "timeout", "1m")
		_, err := r.Recv(soon)
		require.NoError(t, err)
	})
}

// TestASlowWatcherHoldsBackNoPublisher: it loses state, and publishers go on.
func TestASlowWatcherHoldsBackNoPublisher(t *testing.T) {
	eachOfOurs(t, func(t *testing.T, engine string) {
		for _, full := range []string{"auto", "block"} {
			po := newOffice(t, engine, "queue.full", full, "queue.messages", "100", "stats.interval", "0", "queue.block", "1h")
			in, out := get(t, po, "endpoint.in"), get(t, po, "endpoint.out")
			w := watching(t, engine, out)
			set(t, w, "queue.messages", "1", "queue.block", "1h")
			r := newReceiver(t, engine, out, "timeout", "1h")
			p := newPublisher(t, engine, in)
			require.NoError(t, p.WaitReady(soon))
			require.Eventually(t, func() bool { return subscribed(po.Stats()) == 2 }, soon, time.Millisecond)
			big := append(append([]byte{'"'}, make([]byte, 10_000)...), '"')
			for i := range big[1 : len(big)-1] {
				big[i+1] = 'x'
			}
			dropped := func() (n uint64) {
				for _, s := range po.Stats().Subscribers {
					n += s.Dropped
				}
				return n
			}
			for range 100_000 { // until the watcher loses some
				require.NoError(t, p.Publish("$hermes/publisher/pub/stats", "", big))
				if dropped() > 0 {
					break
				}
			}
			require.NoError(t, p.Publish("ticks", "", []byte("1")))
			e, err := r.Recv(soon)
			require.NoError(t, err)
			require.Equal(t, "ticks", e.Topic)
			require.NotZero(t, dropped())
			require.Zero(t, po.Stats().Throttled)
		}
	})
}

// BenchmarkShown moves envelopes through a post office, in turn without and with post office, publisher and
// receiver publishing their own state every two seconds, and a subscriber to it. Both run for the
// whole time, so that what else the machine does reaches both.
func BenchmarkShown(b *testing.B) {
	var ways [2]struct {
		p *Publisher
		r *Receiver
		d time.Duration // of the processor, which other programs do not take
	}
	spent := func() time.Duration { return testkit.ProcessorTime(b) }
	for i, every := range []string{"0", "2s"} {
		po := newOffice(b, "zmtp", "stats.interval", every)
		in, out := get(b, po, "endpoint.in"), get(b, po, "endpoint.out")
		w := &ways[i]
		w.r = newReceiver(b, "zmtp", out, "on_slow", "ignore", "stats.interval", every, "stats.address", in)
		w.p = newPublisher(b, "zmtp", in, "queue.block", "1m", "stats.interval", every)
		if err := w.p.WaitReady(soon); err != nil {
			b.Fatal(err)
		}
		if every != "0" {
			watcher := watching(b, "zmtp", out)
			go func() {
				for range watcher.All() {
				}
			}()
		}
	}
	data := []byte(`["BTCUSD", 6543.21, 1.25, "bid", 1517670000.123456]`)
	const round = 200_000
	b.ResetTimer()
	for range b.N {
		for i := range ways {
			w := &ways[i]
			began := spent()
			go func() {
				for range round {
					_ = w.p.Publish("ticks/BTCUSD/bitfinex", "bitfinex", data)
				}
			}()
			for n := 0; n < round; {
				d, err := w.r.Take(1000, soon)
				if err != nil {
					b.Fatal(err)
				}
				n += d.Len()
				d.Release()
			}
			w.d += spent() - began
		}
	}
	b.ReportMetric(float64(ways[0].d)/float64(ways[1].d), "throughput/off")
	b.ReportMetric(float64(ways[1].d)/float64(b.N*round), "cpu-ns/envelope")
}
