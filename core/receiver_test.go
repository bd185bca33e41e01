package core

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/notify"
	"github.com/hermes-zmq/hermes/internal/queue"
	"github.com/hermes-zmq/hermes/internal/testkit"
	"github.com/hermes-zmq/hermes/internal/wire"
)

func TestTopicsAndOriginsFilter(t *testing.T) {
	eachTransport(t, func(t *testing.T, engine string) {
		po := newOffice(t, engine)
		r := newReceiver(t, engine, get(t, po, "endpoint.out"))
		require.NoError(t, r.Subscribe("a/"))
		require.NoError(t, r.Subscribe(`"c`))
		require.NoError(t, r.Accept("me"))
		all := newReceiver(t, engine, get(t, po, "endpoint.out"))
		p := newPublisher(t, engine, get(t, po, "endpoint.in"))
		for _, component := range []Component{r, all, p} {
			require.NoError(t, component.WaitReady(soon))
		}
		for _, topic := range []string{"a/", "c"} {
			reach(t, p, topic, "me", r, all)
		}
		for _, e := range [][2]string{{"a/1", "me"}, {"b/1", "me"}, {"a/2", "you"}, {"c", "me"}, {"a", "me"}, {"a/3", "me"}} {
			require.NoError(t, p.Publish(e[0], e[1], []byte("1")))
		}
		require.Len(t, collect(t, all, 6), 6)
		var topics []string
		for _, e := range collect(t, r, 3) {
			topics = append(topics, e.Topic)
		}
		require.Equal(t, []string{"a/1", "c", "a/3"}, topics)
		require.EqualValues(t, 1, r.Stats().DroppedOrigin)
		require.NoError(t, r.Set("origins.filter", "off"))
		require.NoError(t, p.Publish("a/4", "you", []byte("1")))
		require.Equal(t, "a/4", collect(t, r, 1)[0].Topic)

		// Only an accepted origin can be too late, where that is all that acceptance is for.
		require.NoError(t, r.Set("origins.filter", "age"))
		require.NoError(t, r.Set("timeout", "1ns"))
		require.NoError(t, p.Publish("a/4", "me", []byte("1")))
		require.Equal(t, "a/4", collect(t, r, 1)[0].Topic, "it begins with no accepted origin")
		require.NoError(t, r.Accept("me"))
		require.NoError(t, p.Publish("a/5", "you", []byte("1")))
		require.Equal(t, "a/5", collect(t, r, 1)[0].Topic)
		require.NoError(t, p.Publish("a/6", "me", []byte("1")))
		_, err := r.Recv(soon)
		require.Equal(t, ESTOPPED, CodeOf(err))
	})
}

func TestSubscriptionsChangeWhileRunning(t *testing.T) {
	eachTransport(t, func(t *testing.T, engine string) {
		po := newOffice(t, engine)
		r := newReceiver(t, engine, get(t, po, "endpoint.out"))
		p := newPublisher(t, engine, get(t, po, "endpoint.in"))
		until := func(topic string, want bool) {
			publishUntil(t, p, topic, "0", func() bool {
				_, err := r.Recv(50 * time.Millisecond)
				return (err == nil) == want
			})
		}
		until("x", true)
		require.NoError(t, r.Subscribe("y"))
		until("y", true)
		until("x", false)
		require.NoError(t, r.Unsubscribe("y"))
		until("y", false)
		code(t, EINVAL, r.Unsubscribe("y"), `"y"`)
		require.NoError(t, r.Subscribe(""))
		until("x", true)
		require.Zero(t, r.Stats().Lost)
	})
}

func TestTheSnailStops(t *testing.T) {
	eachTransport(t, func(t *testing.T, engine string) {
		for _, c := range []struct {
			onSlow         string
			stale, arrives int
			stopped        bool
		}{{"stop", 1, 0, true}, {"drop", 3, 0, false}, {"warn", 0, 3, false}, {"ignore", 0, 3, false}} {
			t.Run(c.onSlow, func(t *testing.T) {
				r, err := NewReceiver("@tcp://127.0.0.1:*", "snail")
				require.NoError(t, err)
				set(t, r, "engine", engine, "timeout", "0", "on_slow", c.onSlow)
				require.NoError(t, r.Start())
				defer func() { _ = r.Close() }()
				p := newPublisher(t, engine, get(t, r, "endpoint"))
				for range 3 {
					require.NoError(t, p.Publish("t", "", []byte("1")))
				}
				require.NoError(t, p.Stop(soon))
				if c.stopped {
					require.NoError(t, r.Wait(soon))
					require.Contains(t, get(t, r, "stop_reason"), "slow")
					_, err := r.Recv(soon)
					code(t, ESTOPPED, err, "slow")
				}
				require.Len(t, collect(t, r, c.arrives), c.arrives)
				require.Eventually(t, func() bool { return int(r.Stats().DroppedStale) == c.stale }, soon, time.Millisecond)
				switch c.onSlow { // it is told once the envelopes of its batch can be taken
				case "stop":
					require.Equal(t, notify.Error, eventOf(t, r, "slow").Level)
				case "ignore":
					require.NoError(t, r.Stop(soon))
					for e := (Event{}); e.Kind != "stopped"; {
						e, err = r.NextEvent(soon)
						require.NoError(t, err)
						require.NotEqual(t, "slow", e.Kind)
					}
				default:
					require.Equal(t, notify.Warning, eventOf(t, r, "slow").Level)
				}
			})
		}
	})
}

func TestAReceiversQueueIsBounded(t *testing.T) {
	eachTransport(t, func(t *testing.T, engine string) {
		r, err := NewReceiver("@tcp://127.0.0.1:*", "small")
		require.NoError(t, err)
		set(t, r, "engine", engine, "queue.messages", "100", "on_slow", "ignore") // what waits unread gets older
		require.NoError(t, r.Start())
		defer func() { _ = r.Close() }()
		p := newPublisher(t, engine, get(t, r, "endpoint"))
		for i := range 150 {
			require.NoError(t, p.Publish("t", "", fmt.Appendf(nil, "%d", i)))
		}
		require.Eventually(t, func() bool { return r.Stats().Arrived == 150 }, soon, time.Millisecond)
		s := r.Stats()
		require.EqualValues(t, 50, s.DroppedOverflow)
		require.EqualValues(t, 100, s.Queued)
		require.NoError(t, r.Stop(0))
		for i, e := range collect(t, r, 100) {
			require.Equal(t, fmt.Sprint(i), string(e.Data), "what was received before the stop can be taken after it")
		}
		_, err = r.Recv(soon)
		code(t, ESTOPPED, err)
	})
}

func TestTheDescriptorFollowsTheQueue(t *testing.T) {
	eachTransport(t, func(t *testing.T, engine string) {
		r, err := NewReceiver("@tcp://127.0.0.1:*", "polled")
		require.NoError(t, err)
		set(t, r, "engine", engine)
		require.NoError(t, r.Start())
		fd, err := r.FD()
		require.NoError(t, err)
		require.False(t, testkit.Readable(t, fd, 0))
		p := newPublisher(t, engine, get(t, r, "endpoint"))
		for range 3 {
			require.NoError(t, p.Publish("t", "", []byte("1")))
		}
		for range 3 {
			require.True(t, testkit.Readable(t, fd, soon))
			collect(t, r, 1)
		}
		require.False(t, testkit.Readable(t, fd, 0))
		require.NoError(t, r.Stop(0))
		require.True(t, testkit.Readable(t, fd, 0))
		require.NoError(t, r.Close())
		_, err = os.Stat(fmt.Sprintf("/proc/self/fd/%d", fd))
		require.Error(t, err)
	})
}

func TestMalformedInputIsCountedAndSkipped(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		r, err := NewReceiver("@tcp://127.0.0.1:*", "tough")
		require.NoError(t, err)
		set(t, r, "engine", engine, "on_slow", "ignore")
		require.NoError(t, r.Start())
		defer func() { _ = r.Close() }()
		send := rawPublisher(t, get(t, r, "endpoint"))
		bad := [][]string{{""}, {`"t"`}, {`"t"`, `"o"`, `1`}, {`"t"`, `"o"`, `1`, `2`, `3`}, {`t`, `"o"`, `1`, `2`}, {`"t"`, `"o"`, `{`, `2`}, {`"t"`, `"o"`, `1`, `x`}, {"\xff", "\xfe", "\x00", ""}}
		for _, frames := range bad {
			send(frames...)
		}
		send(`"t"`, `"o"`, ` [1] `, `1517670000.25`)
		send(`"t"`, `"o"`, ` [2] `, `1517670000.25`)
		require.Eventually(t, func() bool { return r.Stats().Arrived == uint64(len(bad))+2 }, soon, time.Millisecond, "%s", r.StatsJSON())
		require.EqualValues(t, len(bad), r.Stats().DroppedMalformed)
	})
}

// ticks is a batch as the race of bench/ has them: ten topics in turn.
func ticks(n int) *batch.Batch {
	b := batch.Get()
	for i := range n {
		data := fmt.Appendf(nil, `["Tick",1763800000.%06d,"BTCUSD",420%02d.%02d,%d]`, i, i%100, i%4*25, 1_000_000_000+i)
		if err := wire.Append(b, fmt.Sprintf("ticks/%06d", i%10), []byte(`"p000"`), data, true); err != nil {
			panic(err)
		}
	}
	return b
}

const ticksInBatch = 400

// BenchmarkArrival checks, queues and takes.
func BenchmarkArrival(b *testing.B) {
	r, err := NewReceiver("tcp://127.0.0.1:1", "r")
	if err != nil {
		b.Fatal(err)
	}
	if err := r.Set("on_slow", "ignore"); err != nil {
		b.Fatal(err)
	}
	r.queue.Open(queue.DropNew)
	r.admission.Begin(0)
	t := ticks(ticksInBatch)
	var texts int
	var number uint32
	b.ReportAllocs()
	for range b.N {
		b.StopTimer()
		wire.Stamp(t, time.Now().UnixMicro(), true)
		for i := range t.Len() { // the streams are ten topics in turn
			wire.Number(t, i, wire.Sequence{Incarnation: 7, Number: number + uint32(i/10)})
		}
		number += ticksInBatch / 10
		b.StartTimer()
		r.deliver(t)
		d, err := r.Take(1000, 0)
		if err != nil {
			b.Fatal(err)
		}
		for i := range d.Len() {
			v := d.At(i)
			texts += len(v.Topic) + len(v.Data)
		}
		d.Release()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/ticksInBatch, "ns/envelope")
}

// TestARelayThatDropsEveryKthMessage: what is lost on the way is counted, exactly, in
// total and by topic, on the envelope behind the gap as well; and nothing else is.
func TestARelayThatDropsEveryKthMessage(t *testing.T) {
	const n = 3000
	for _, k := range []int{1, 2, 3, 7, 64, 1000} {
		for _, topics := range []int{1, 5} {
			t.Run(fmt.Sprintf("k=%d,topics=%d", k, topics), func(t *testing.T) {
				po := newOffice(t, "zmtp")
				r := newReceiver(t, "zmtp", get(t, po, "endpoint.out"), "on_slow", "ignore")
				require.Eventually(t, func() bool { return subscribed(po.Stats()) == 1 }, soon, pollEvery)
				relay := testkit.NewRelay(t, get(t, po, "endpoint.in"))
				p := newPublisher(t, "zmtp", relay.Address())
				topic := func(i int) string { return fmt.Sprintf("topic/%d", i%topics) }
				frame := func() { // one envelope of each topic that is not lost
					for i := range topics {
						publishNumbers(t, p, topic(i), 0, 1)
					}
				}
				frame()
				collect(t, r, topics)
				relay.Lose(k)
				for i := range n {
					require.NoError(t, p.Publish(topic(i), "", strconv.AppendInt(nil, int64(i), 10)))
				}
				require.Eventually(t, func() bool { return relay.Passed() == n }, soon, pollEvery)
				relay.Lose(0)
				frame()

				byTopic, injected := relay.Lost(), 0
				for _, lost := range byTopic {
					injected += lost
				}
				require.Equal(t, n/k, injected)
				found := map[string]int{}
				for _, e := range collect(t, r, n-injected+topics) {
					if e.Lost > 0 {
						found[e.Topic] += int(e.Lost)
					}
				}
				require.Equal(t, byTopic, found)
				require.EqualValues(t, injected, r.Stats().Lost)
				require.Zero(t, r.Stats().Duplicates)
			})
		}
	}
}

func TestAClosedReceiverHasNoDescriptor(t *testing.T) {
	before := countFDs(t)
	r, err := NewReceiver("tcp://127.0.0.1:9", "r")
	require.NoError(t, err)
	n, err := NewNode("n", r, nil)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	_, err = n.Receiver().FD()
	code(t, EBADHANDLE, err, "closed")
	require.LessOrEqual(t, countFDs(t), before)
}

// TestClosingInTheBodyOfALoopEndsIt: as it ends while the loop waits, and where the receiver
// was closed before, or never was started.
func TestClosingInTheBodyOfALoopEndsIt(t *testing.T) {
	ends := map[string]func(*Receiver) error{"close": (*Receiver).Close, "stop": func(r *Receiver) error { return r.Stop(soon) }}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			po := newOffice(t, "auto")
			r := newReceiver(t, "auto", get(t, po, "endpoint.out"))
			p := newPublisher(t, "auto", get(t, po, "endpoint.in"))
			require.NoError(t, p.Publish("t", "", []byte("1")))
			seen := 0
			for e := range r.All() {
				require.Equal(t, "1", string(e.Data))
				seen++
				require.NoError(t, end(r))
			}
			require.Equal(t, 1, seen)
			for range r.All() {
				t.Fatal("something came after the end")
			}
		})
	}
	r, err := NewReceiver("tcp://127.0.0.1:9", "r")
	require.NoError(t, err)
	for range r.All() {
		t.Fatal("something came before the start")
	}
}

// TestALoopTakesWhatIsLeftAfterAStopAndNothingAfterAClose: as in every other language.
func TestALoopTakesWhatIsLeftAfterAStopAndNothingAfterAClose(t *testing.T) {
	ends := map[string]func(*Receiver) error{"close": (*Receiver).Close, "stop": func(r *Receiver) error { return r.Stop(soon) }}
	for name, want := range map[string]int{"close": 2, "stop": 5} {
		t.Run(name, func(t *testing.T) {
			po := newOffice(t, "auto")
			r := newReceiver(t, "auto", get(t, po, "endpoint.out"))
			p := newPublisher(t, "auto", get(t, po, "endpoint.in"))
			for range 5 {
				require.NoError(t, p.Publish("t", "", []byte("1")))
			}
			require.Eventually(t, func() bool { return r.Stats().Queued == 5 }, soon, time.Millisecond)
			seen := 0
			for range r.All() {
				if seen++; seen == 2 {
					require.NoError(t, ends[name](r))
				}
			}
			require.Equal(t, want, seen)
		})
	}
}
