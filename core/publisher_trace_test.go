package core

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/testkit"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// traceParent is that of envelope i of a test.
func traceParent(i int) string {
	return fmt.Sprintf("00-4bf92f3577b34da6a3ce929d0e0e4736-%016x-01", i+1)
}

// publishTraced publishes from to to-1 on a topic; every second one carries a trace context.
func publishTraced(t testing.TB, p *Publisher, topic string, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if i%2 == 0 {
			require.NoError(t, p.PublishTraced(topic, "", fmt.Append(nil, i), traceParent(i)))
		} else {
			require.NoError(t, p.Publish(topic, "", fmt.Append(nil, i)))
		}
	}
}

// requireTraced checks what publishTraced has published.
func requireTraced(t testing.TB, envelopes []Envelope, from int) {
	t.Helper()
	for i, e := range envelopes {
		want := ""
		if i += from; i%2 == 0 {
			want = traceParent(i)
		}
		require.Equal(t, []string{fmt.Sprint(i), want}, []string{string(e.Data), e.TraceParent})
		require.Zero(t, e.Lost)
		require.InDelta(t, float64(time.Now().Unix()), e.TS, 1e6, "it has the time of sending")
	}
}

func TestATraceContextTravels(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		for _, sequence := range []string{"on", "off"} {
			po := newOffice(t, engine)
			p := newPublisher(t, engine, get(t, po, "endpoint.in"), "sequence", sequence)
			r := newReceiver(t, engine, get(t, po, "endpoint.out"), "on_slow", "ignore")
			publishTraced(t, p, "t", 0, 2000)
			requireTraced(t, collect(t, r, 2000), 0)
			require.Zero(t, r.Stats().Lost+r.Stats().Duplicates+r.Stats().DroppedMalformed)

			row := `["t", "o", 1, null, "` + traceParent(7) + `"]`
			require.NoError(t, p.TryPublish([]byte(row)))
			_, err := p.PublishBatch([]byte(`[["t", "o", 2, 1517670000.5, "` + traceParent(8) + `"], ["t", null, 3]]`))
			require.NoError(t, err)
			require.NoError(t, p.PublishTraced("t\"ü", "from", []byte("4"), traceParent(9)))
			require.NoError(t, p.PublishTraced("t", "", []byte("5"), traceParent(9)[:53]+"02"))
			got := collect(t, r, 5)
			require.Equal(t, []string{traceParent(7), traceParent(8), "", traceParent(9), ""},
				[]string{got[0].TraceParent, got[1].TraceParent, got[2].TraceParent, got[3].TraceParent, got[4].TraceParent})
			require.Equal(t, 1517670000.5, got[1].TS, "its own time")
			require.Equal(t, []string{"t\"ü", "from", "pub"}, []string{got[3].Topic, got[3].Origin, got[4].Origin})
		}
	})
}

func TestADeliveryShowsTraceContexts(t *testing.T) {
	eachOfOurs(t, func(t *testing.T, engine string) {
		po := newOffice(t, engine)
		p := newPublisher(t, engine, get(t, po, "endpoint.in"))
		r := newReceiver(t, engine, get(t, po, "endpoint.out"))
		publishTraced(t, p, "t", 0, 2)
		for i := range 2 {
			d, err := r.Take(1, soon)
			require.NoError(t, err)
			require.Equal(t, []string{traceParent(0), ""}[i], d.At(0).TraceParent)
			d.Release()
		}
	})
}

func TestWhatIsNoTraceParentIsRefused(t *testing.T) {
	p := newPublisher(t, "zmtp", "tcp://127.0.0.1:9", "linger", "0", "message.bytes", "100")
	for _, text := range []string{"", "00", strings.ToUpper(traceParent(0xf)), "01" + traceParent(1)[2:]} {
		code(t, EINVAL, p.PublishTraced("t", "", []byte("1"), text), "traceparent", "version 00")
	}
	code(t, EINVAL, p.TryPublish([]byte(`["t", null, 1, null, "x"]`)), "traceparent")
	_, err := p.PublishBatch([]byte(`[["t", null, 1], ["t", null, 1, null, 5]]`))
	code(t, EINVAL, err, "element 1", "traceparent")
	code(t, EJSON, p.PublishTraced("t", "", []byte("x"), traceParent(1)), "not one JSON value")
	code(t, EUTF8, p.PublishTraced("\xff", "", []byte("1"), traceParent(1)), "topic")
	code(t, EUTF8, p.PublishTraced("t", "\xff", []byte("1"), traceParent(1)), "origin")
	code(t, ETOOBIG, p.PublishTraced("t", "", []byte(strings.Repeat("1", 100)), traceParent(1)), "message.bytes")
	require.Zero(t, p.Stats().Accepted)
}

// A receiver that comes late, one that asks for history, and an old one, get it from where it is kept.
func TestATraceContextIsKept(t *testing.T) {
	po := newOffice(t, "zmtp", "cache.depth", "10", "cache.old", "restamp")
	p := newPublisher(t, "zmtp", get(t, po, "endpoint.in"))
	publishTraced(t, p, "a", 0, 10)
	relayed(t, po, 10)
	r := newReceiver(t, "zmtp", get(t, po, "endpoint.out"))
	requireTraced(t, collect(t, r, 10), 0)
	require.EqualValues(t, 10, r.Stats().Cached)
	old := newEar(t, get(t, po, "endpoint.out"), carrier.SUB)
	require.NoError(t, old.Subscribe([]byte(`"a`)))
	for i := range 10 {
		frame := []byte(old.next(t)[3])
		want := ""
		if i%2 == 0 {
			want = traceParent(i)
		}
		require.Equal(t, want, string(wire.AppendTraceParent(nil, frame)))
		require.Len(t, frame, 17+24+len(frame)/100*100, "no mark")
	}

	archiving, a := newArchivingOffice(t, "zmtp")
	p = newPublisher(t, "zmtp", get(t, archiving, "endpoint.in"))
	publishTraced(t, p, "kept/a", 0, 100)
	testkit.Eventually(t, func() bool { return a.size() == 100 }, "it is stored")
	requireTraced(t, collect(t, newReceiver(t, "zmtp", get(t, archiving, "endpoint.out"), "since", "all"), 100), 0)
}

func TestQueuesThatDropKeepTraceContexts(t *testing.T) {
	eachOfOurs(t, func(t *testing.T, engine string) {
		for _, policy := range []string{"drop_old", "latest_per_topic"} {
			po := newOffice(t, engine)
			p := newPublisher(t, engine, get(t, po, "endpoint.in"), "queue.full", policy, "queue.messages", "20")
			for i := range 100 {
				publishTraced(t, p, fmt.Sprint("t/", i), i, i+1)
			}
			r := newReceiver(t, engine, get(t, po, "endpoint.out"), "on_slow", "ignore")
			require.Eventually(t, func() bool { return p.Stats().Queued == 0 && r.Stats().Arrived == p.Stats().Sent }, soon, pollEvery)
			got := collect(t, r, int(p.Stats().Sent))
			require.NotEmpty(t, got)
			var from int
			_, err := fmt.Sscan(string(got[0].Data), &from)
			require.NoError(t, err)
			requireTraced(t, got, from)
			require.Equal(t, traceParent(98), got[len(got)-2].TraceParent)
		}
		po := newOffice(t, engine)
		p := newPublisher(t, engine, get(t, po, "endpoint.in"))
		r := newReceiver(t, engine, get(t, po, "endpoint.out"), "queue.full", "latest_per_topic", "queue.messages", "3", "on_slow", "ignore")
		publishTraced(t, p, "t", 0, 99)
		require.Eventually(t, func() bool { return r.Stats().Arrived == 99 }, soon, pollEvery)
		var last Envelope
		for e, err := r.Recv(0); err == nil; e, err = r.Recv(0) {
			last = e
		}
		require.Equal(t, []string{"98", traceParent(98)}, []string{string(last.Data), last.TraceParent})
	})
}

// Copies of an envelope over two paths are one, and what waits in the reorder buffer keeps its context.
func TestRedundantPathsDeliverATracedEnvelopeOnce(t *testing.T) {
	eachOfOurs(t, func(t *testing.T, engine string) {
		a, b := newOffice(t, engine), newOffice(t, engine)
		p := newPublisher(t, engine, get(t, a, "endpoint.in")+","+get(t, b, "endpoint.in"))
		r := newReceiver(t, engine, get(t, a, "endpoint.out")+","+get(t, b, "endpoint.out"), "on_slow", "ignore")
		require.NoError(t, r.WaitReady(soon))
		require.Eventually(t, func() bool { return subscribed(a.Stats()) == 1 && subscribed(b.Stats()) == 1 }, soon, pollEvery)
		publishTraced(t, p, "t", 0, 5000)
		requireTraced(t, collect(t, r, 5000), 0)
		require.Eventually(t, func() bool { return r.Stats().DroppedDuplicate > 0 }, soon, pollEvery)
		require.Zero(t, r.Stats().Lost)
	})
}

func BenchmarkPublishTraced(b *testing.B) {
	for _, traced := range []bool{false, true} {
		b.Run(fmt.Sprint(traced), func(b *testing.B) {
			p := newPublisher(b, "zmtp", "tcp://127.0.0.1:9", "ready.hold", "1h", "linger", "0", "queue.full", "drop_old", "queue.messages", "1000")
			data, context := []byte(`{"price": 42000}`), traceParent(1)
			for b.Loop() {
				if traced {
					_ = p.PublishTraced("ticks/BTCUSD", "", data, context)
				} else {
					_ = p.Publish("ticks/BTCUSD", "", data)
				}
			}
		})
	}
}
