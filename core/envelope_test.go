package core

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/clock"
)

// TestTopicsOriginsAndTimesMayBeAnyJSON: 1.x writes whatever JSON has a form for.
func TestTopicsOriginsAndTimesMayBeAnyJSON(t *testing.T) {
	eachTransport(t, func(t *testing.T, engine string) {
		po := newOffice(t, engine)
		all := newReceiver(t, engine, get(t, po, "endpoint.out"))
		p := newPublisher(t, engine, get(t, po, "endpoint.in"))
		now := fmt.Sprintf("%.3f", clock.Seconds(time.Now()))
		rows := `[null, null, 1, null], [5, ["o"], 2, "` + now + `"], [["a", 1], 7, 3, ` + now + `], ["t", {"k": 1}, 4], ["t", "o", 5, null]`
		n, err := p.PublishBatch([]byte("[" + rows + "]"))
		require.NoError(t, err)
		require.Equal(t, 5, n)
		require.NoError(t, p.TryPublish([]byte(`[{"k": [1]}, true, 6, `+now+`]`)))
		got := collect(t, all, 6)
		var topics []string
		for _, e := range got {
			require.InDelta(t, clock.Seconds(time.Now()), e.TS, soon.Seconds())
			topics = append(topics, e.Topic+" "+e.Origin+" "+string(e.Data))
		}
		require.Equal(t, []string{`null null 1`, `5 ["o"] 2`, `["a", 1] 7 3`, `t {"k": 1} 4`, `t o 5`, `{"k": [1]} true 6`}, topics)
		require.Zero(t, all.Stats().DroppedMalformed)
	})
}

func TestTopicsThatAreNoStringsAreFollowedByTheirText(t *testing.T) {
	eachTransport(t, func(t *testing.T, engine string) {
		po := newOffice(t, engine)
		r := newReceiver(t, engine, get(t, po, "endpoint.out"))
		for _, topic := range []string{"5", `["a"`, "null"} {
			require.NoError(t, r.Subscribe(topic))
		}
		require.NoError(t, r.Subscribe("gone"))
		require.NoError(t, r.Unsubscribe("gone"))
		require.NoError(t, r.Subscribe("7"))
		require.NoError(t, r.Unsubscribe("7"))
		code(t, EINVAL, r.Unsubscribe("7"), "7")
		require.NoError(t, r.Accept(`["o"]`))
		require.NoError(t, r.Accept("o"))
		p := newPublisher(t, engine, get(t, po, "endpoint.in"))
		rows := `[5,["o"],1,null], ["57","o",2], [57,"o",3], [6,"o",4], [["a",1],"o",5], [["b"],"o",6], [null,"o",7], ["null","o",8], [7,"o",9], [5,["x"],10]`
		seen := map[string]bool{}
		require.Eventually(t, func() bool { // until all subscriptions have arrived
			_, err := p.PublishBatch([]byte(`[["null/","o",0],["5/","o",0],["[\"a\"","o",0],[null,"o",0],[5,"o",0],[["a"],"o",0]]`))
			require.NoError(t, err)
			for e, err := r.Recv(0); err == nil; e, err = r.Recv(0) {
				seen[e.Topic] = true
			}
			return len(seen) == 6
		}, soon, time.Millisecond)
		_, err := p.PublishBatch([]byte("[" + rows + "]"))
		require.NoError(t, err)
		var data []string
		for len(data) < 6 {
			if e := collect(t, r, 1)[0]; string(e.Data) != "0" {
				data = append(data, string(e.Data))
			}
		}
		require.Equal(t, []string{"1", "2", "3", "5", "7", "8"}, data)
		require.Eventually(t, func() bool { return r.Stats().DroppedOrigin == 1 }, soon, time.Millisecond)
	})
}

func TestATimeThatSaysNothingIsThatOfArrival(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		r, err := NewReceiver("@tcp://127.0.0.1:*", "calm")
		require.NoError(t, err)
		set(t, r, "engine", engine)
		require.NoError(t, r.Start())
		defer func() { _ = r.Close() }()
		send := rawPublisher(t, get(t, r, "endpoint"))
		times := []string{`null`, `0`, `""`, `[]`, `NaN`, `Infinity`, fmt.Sprintf(`"%f"`, clock.Seconds(time.Now()))}
		for _, ts := range times {
			send(`"t"`, `"o"`, `1`, ts)
		}
		for i, e := range collect(t, r, len(times)) {
			require.InDelta(t, e.Received, e.TS, soon.Seconds(), times[i])
		}
	})
}

func TestDataAThousandDeepTravels(t *testing.T) {
	eachTransport(t, func(t *testing.T, engine string) {
		po := newOffice(t, engine)
		r := newReceiver(t, engine, get(t, po, "endpoint.out"))
		p := newPublisher(t, engine, get(t, po, "endpoint.in"))
		deep := strings.Repeat(`[{"a":`, 500) + "1" + strings.Repeat("}]", 500)
		require.NoError(t, p.Publish("t", "", []byte(deep)))
		require.NoError(t, p.TryPublish([]byte(`["t", null, `+deep+`]`)))
		_, err := p.PublishBatch([]byte(`[["t", null, ` + deep + `]]`))
		require.NoError(t, err)
		for _, e := range collect(t, r, 3) {
			require.Equal(t, deep, string(e.Data))
		}
	})
}

// BenchmarkEndToEnd moves envelopes through a post office, all in one process.
func BenchmarkEndToEnd(b *testing.B) {
	for _, engine := range engines() {
		b.Run(engine, func(b *testing.B) { endToEnd(b, newOffice(b, engine), engine) })
	}
}

func endToEnd(b *testing.B, po *PostOffice, engine string) {
	r := newReceiver(b, engine, get(b, po, "endpoint.out"), "on_slow", "ignore")
	p := newPublisher(b, engine, get(b, po, "endpoint.in"), "queue.block", "1m")
	if err := p.WaitReady(soon); err != nil {
		b.Fatal(err)
	}
	data := []byte(`["BTCUSD", 6543.21, 1.25, "bid", 1517670000.123456]`)
	b.ReportAllocs()
	b.ResetTimer()
	go func() {
		for range b.N {
			if err := p.Publish("ticks/BTCUSD/bitfinex", "bitfinex", data); err != nil {
				panic(fmt.Sprint(err))
			}
		}
	}()
	for n := 0; n < b.N; {
		d, err := r.Take(1000, soon)
		if err != nil {
			b.Fatal(err, string(r.StatsJSON()))
		}
		n += d.Len()
		d.Release()
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "envelopes/s")
}

// TestTheTimeOfDayMayBeSet: nothing waits for longer or shorter, and what is sent and
// received by the same clock is as young as ever.
func TestTheTimeOfDayMayBeSet(t *testing.T) {
	for _, by := range []time.Duration{-time.Hour, time.Hour} {
		eachTransport(t, func(t *testing.T, engine string) {
			po := newOffice(t, engine)
			r := newReceiver(t, engine, get(t, po, "endpoint.out"), "timeout", "10m")
			p := newPublisher(t, engine, get(t, po, "endpoint.in"))
			require.NoError(t, p.WaitReady(soon))
			send := func(from, to int) {
				for n := from; n < to; n++ {
					require.NoError(t, p.Publish("t", "", []byte(strconv.Itoa(n))))
				}
				for i, e := range collect(t, r, to-from) {
					require.Equal(t, strconv.Itoa(from+i), string(e.Data))
				}
			}
			send(0, 10)
			step(t, by)
			send(10, 20)
			_, err := r.Take(1, 20*time.Millisecond)
			code(t, ETIMEOUT, err)
			require.NoError(t, p.Stop(soon))
			s := r.Stats()
			require.Equal(t, "running", s.State)
			require.Zero(t, s.Lost)
		})
	}
}

// TestAClockThatIsSetWhileAnEnvelopeIsUnderWay: it then looks as old as the step.
func TestAClockThatIsSetWhileAnEnvelopeIsUnderWay(t *testing.T) {
	r := unstarted(t, "on_slow", "drop")
	arrive(t, r, "t", "o", 0, 0)
	step(t, time.Hour)
	arrive(t, r, "t", "o", 0, 1)
	require.EqualValues(t, 1, r.Stats().DroppedStale)
	step(t, -time.Hour)
	arrive(t, r, "t", "o", 0, 2)
	s := r.Stats()
	require.EqualValues(t, 2, s.Queued, "one from the future is welcome")
	require.Zero(t, s.Lost, "none of them was lost on the way")
}

func TestAnEnvelopeTravels(t *testing.T) {
	eachTransport(t, func(t *testing.T, engine string) {
		po := newOffice(t, engine)
		r := newReceiver(t, engine, get(t, po, "endpoint.out"))
		p := newPublisher(t, engine, get(t, po, "endpoint.in"))
		require.NoError(t, p.Publish("ticks/é", "", []byte(`["BTCUSD", NaN, 12345678901234567890123]`)))
		e := collect(t, r, 1)[0]
		require.Equal(t, "ticks/é", e.Topic)
		require.Equal(t, "pub", e.Origin)
		require.Equal(t, `["BTCUSD", NaN, 12345678901234567890123]`, string(e.Data))
		require.InDelta(t, clock.Seconds(time.Now()), e.TS, soon.Seconds())
		require.GreaterOrEqual(t, e.Received, e.TS-0.01)
		require.NoError(t, p.WaitReady(soon))
		require.NoError(t, r.WaitReady(soon))
	})
}

func TestBigPayloads(t *testing.T) {
	eachTransport(t, func(t *testing.T, engine string) {
		po := newOffice(t, engine)
		r := newReceiver(t, engine, get(t, po, "endpoint.out"), "on_slow", "ignore")
		p := newPublisher(t, engine, get(t, po, "endpoint.in"), "message.bytes", "200MiB", "queue.bytes", "256MiB")
		big := make([]byte, 100<<20)
		for i := range big {
			big[i] = 'a' + byte(i%26)
		}
		big[0], big[len(big)-1] = '"', '"'
		require.NoError(t, p.Publish("big", "", big))
		require.NoError(t, p.Publish("small", "", []byte("1")))
		got := collect(t, r, 2)
		require.Equal(t, big, got[0].Data)
		require.Equal(t, "small", got[1].Topic)
		set(t, p, "queue.bytes", "1")
		require.NoError(t, p.Stop(soon))
		set(t, p, "message.bytes", "1KiB")
		require.NoError(t, p.Start())
		code(t, ETOOBIG, p.Publish("big", "", big), "message.bytes")
	})
}
