package core

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/notify"
	"github.com/hermes-zmq/hermes/internal/queue"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// rules are the choices of queue.full with what they leave, in a queue for 10, of the
// 25 envelopes numbered from 0 on topics t0 to t4 in turn.
var rules = map[queue.Policy]struct {
	left           []int
	new, old, same uint64
	code           Code
}{
	queue.Block:          {count(0, 10), 15, 0, 0, EFULL},
	queue.DropNew:        {count(0, 10), 15, 0, 0, OK},
	queue.DropOld:        {count(15, 25), 0, 15, 0, OK},
	queue.LatestPerTopic: {count(20, 25), 0, 0, 20, OK},
	queue.Error:          {count(0, 10), 15, 0, 0, EFULL},
}

func count(from, to int) (out []int) {
	for ; from < to; from++ {
		out = append(out, from)
	}
	return out
}

func numbers(t *testing.T, envelopes []Envelope) (out []int) {
	t.Helper()
	for _, e := range envelopes {
		var n int
		require.NoError(t, json.Unmarshal(e.Data, &n))
		out = append(out, n)
	}
	return out
}

func TestAFullPublisherDoesWhatItIsTold(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		for full, want := range rules {
			t.Run(full.String(), func(t *testing.T) {
				po := newOffice(t, engine)
				p := newPublisher(t, engine, get(t, po, "endpoint.in"), "ready.hold", "1h",
					"queue.messages", "10", "queue.block", "1ms", "queue.full", full.String())
				for i := range 25 {
					expected := want.code
					if i < 10 {
						expected = OK
					}
					code(t, expected, p.Publish(fmt.Sprintf("t%d", i%5), "", []byte(fmt.Sprint(i))))
				}
				s := p.Stats()
				require.EqualValues(t, len(want.left), s.Queued)
				require.EqualValues(t, 25, s.Accepted)
				require.Equal(t, [3]uint64{want.new, want.old, want.same}, [3]uint64{s.DroppedFull, s.DroppedOld, s.DroppedConflated})
				if want.code == OK {
					require.Equal(t, want.new+want.old+want.same, eventOf(t, p, "overflow").Count+p.overflowLimit.Pending())
				}
				r := newReceiver(t, engine, get(t, po, "endpoint.out"), "on_slow", "ignore")
				require.Equal(t, want.left, numbers(t, collect(t, r, len(want.left))))
				require.NoError(t, p.Stop(soon))
				require.EqualValues(t, len(want.left), p.Stats().Sent)
				require.Zero(t, r.Stats().Lost, "what was never sent is not lost")
			})
		}
	})
}

func TestAFullReceiverDoesWhatItIsTold(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
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

// eventOf waits for an event of a kind.
func eventOf(t *testing.T, p Component, kind string) Event {
	t.Helper()
	for {
		e, err := p.NextEvent(soon)
		require.NoError(t, err, "waiting for %s", kind)
		if e.Kind == kind {
			return e
		}
	}
}

// TestWithDistinctTopicsTheOldestGoes: there is nothing to conflate.
func TestWithDistinctTopicsTheOldestGoes(t *testing.T) {
	p := newPublisher(t, "zmtp", "tcp://127.0.0.1:1", "ready.hold", "1h", "queue.messages", "10", "queue.full", "latest_per_topic")
	for i := range 25 {
		require.NoError(t, p.Publish(fmt.Sprintf("t%d", i), "", []byte("1")))
	}
	s := p.Stats()
	require.Equal(t, [3]uint64{10, 15, 0}, [3]uint64{uint64(s.Queued), s.DroppedOld, s.DroppedConflated})
}

func atoi(t *testing.T, text []byte) (n int) {
	t.Helper()
	require.NoError(t, json.Unmarshal(text, &n))
	return n
}

// TestAnInboxKeepsItsOrderAndItsBooks: whatever the rule, and in whatever bits envelopes
// come and are taken, what is taken is in order, and nothing is counted twice.
func TestAnInboxKeepsItsOrderAndItsBooks(t *testing.T) {
	for _, full := range []queue.Policy{queue.DropNew, queue.DropOld, queue.LatestPerTopic} {
		for seed := range uint64(40) {
			random := rand.New(rand.NewPCG(seed, 2))
			topics := 1 + random.IntN(30)
			r, err := NewReceiver("tcp://127.0.0.1:9", "r")
			require.NoError(t, err)
			set(t, r, "on_slow", "ignore", "queue.messages", fmt.Sprint(1+random.IntN(60)), "queue.bytes", fmt.Sprint(500+random.IntN(3000)))
			r.inbox.open(full)
			sent, taken, last := 0, 0, -1
			newest := map[string]int{}
			take := func(most int) {
				d, err := r.Take(most, 0)
				if CodeOf(err) == ETIMEOUT {
					return
				}
				require.NoError(t, err)
				defer d.Release()
				for i := range d.Len() {
					n := atoi(t, d.At(i).Data)
					require.Greater(t, n, last, "%s, seed %d", full, seed)
					last = n
					if newest[string(d.At(i).Topic)] == n {
						delete(newest, string(d.At(i).Topic))
					}
				}
				taken += d.Len()
			}
			for sent < 4000 {
				b := batch.Get()
				for n := min(1+random.IntN(1+random.IntN(100)), 4000-sent); n > 0; n-- {
					topic := fmt.Sprintf("t%d", random.IntN(topics))
					require.NoError(t, wire.Append(b, topic, []byte(`"o"`), []byte(fmt.Sprint(sent)), true))
					newest[topic] = sent
					sent++
				}
				r.deliver(b)
				b.Release()
				if sent < 4000 && random.IntN(3) == 0 {
					take(1 + random.IntN(40))
				}
				s := r.Stats()
				require.EqualValues(t, sent, s.Arrived)
				require.Equal(t, s.Arrived, s.Delivered+uint64(s.Queued)+s.DroppedOverflow+s.DroppedOld+s.DroppedConflated)
				require.LessOrEqual(t, s.Queued, r.queueMessages.Get())
			}
			frozen := r.inbox.topics.on
			for r.Stats().Queued > 0 {
				take(1 + random.IntN(40))
			}
			require.EqualValues(t, taken, r.Stats().Delivered)
			require.Zero(t, [4]int64{r.inbox.count, r.inbox.bytes, r.inbox.memory()})
			if frozen && r.Stats().DroppedOld == 0 {
				require.Empty(t, newest, "the newest of each topic arrives")
			}
		}
	}
}

// TestTheRuleMayChangeFromRunToRun, and what is queued stays in order.
func TestTheRuleMayChangeFromRunToRun(t *testing.T) {
	r := unstarted(t, "on_slow", "ignore", "queue.messages", "10")
	next := uint32(0)
	for round := range 50 {
		for _, full := range []queue.Policy{queue.LatestPerTopic, queue.DropNew, queue.DropOld} {
			r.inbox.open(full)
			for range 15 {
				arrive(t, r, fmt.Sprintf("t%d", next%20), "o", 0, next)
				next++
			}
			last := -1.0
			d, err := r.Take(1+round%10, 0)
			require.NoError(t, err)
			for i := range d.Len() {
				require.GreaterOrEqual(t, d.At(i).TS, last)
				last = d.At(i).TS
			}
			d.Release()
			s := r.Stats()
			require.Equal(t, s.Arrived, s.Delivered+uint64(s.Queued)+s.DroppedOverflow+s.DroppedOld+s.DroppedConflated)
		}
	}
}

// TestABlockedReceiverHoldsBackThePublisher and loses nothing by it.
func TestABlockedReceiverHoldsBackThePublisher(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		p := newPublisher(t, engine, "@tcp://127.0.0.1:*")
		r := newReceiver(t, engine, get(t, p, "endpoint"), "on_slow", "ignore", "queue.messages", "100",
			"queue.full", "block", "queue.block", "1h", "heartbeat.interval", "50ms", "heartbeat.timeout", "100ms")
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

// TestABlockedReceiverSoundsAlive: its peer, which asks and gets no answer, must not
// take it for dead.
func TestABlockedReceiverSoundsAlive(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		p := newPublisher(t, "zmtp", "@tcp://127.0.0.1:*", "heartbeat.interval", "100ms", "heartbeat.timeout", "1s")
		r := newReceiver(t, engine, get(t, p, "endpoint"), "on_slow", "ignore", "queue.messages", "1",
			"queue.full", "block", "queue.block", "1h", "heartbeat.interval", "100ms", "heartbeat.timeout", "1s")
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
	require.Eventually(t, func() bool {
		r.inbox.mu.Lock()
		defer r.inbox.mu.Unlock()
		return r.inbox.room != nil
	}, time.Minute, time.Millisecond)
	set(t, r, "queue.messages", "3")
	require.Eventually(t, func() bool { return r.Stats().Queued == 3 }, time.Minute, time.Millisecond)
}

func TestStoppingEndsABlockedReceiver(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		p := newPublisher(t, engine, "@tcp://127.0.0.1:*")
		r := newReceiver(t, engine, get(t, p, "endpoint"), "on_slow", "ignore", "queue.messages", "1", "queue.full", "block", "queue.block", "1h")
		require.NoError(t, p.WaitReady(soon))
		for range 1000 {
			require.NoError(t, p.Publish("t", "", []byte(`1`)))
		}
		require.Eventually(t, func() bool { return r.Stats().Queued == 1 }, soon, time.Millisecond)
		require.NoError(t, r.Subscribe("t")) // nobody else has to wait for it either
		require.NoError(t, r.Accept("pub"))
		require.NoError(t, r.Stop(0))
		s := r.Stats()
		require.Equal(t, s.Arrived, 1+s.DroppedOverflow)
		collect(t, r, 1)
	})
}

// TestMemoryStaysWithinTheBound that is set in bytes, for small and for big envelopes,
// and whatever the rule.
func TestMemoryStaysWithinTheBound(t *testing.T) {
	const limit = 2 << 20
	heap := func() int64 {
		runtime.GC()
		runtime.GC() // what pools held over the first
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	// Of empty batches a few are kept for good: they must be there before.
	baseline := func() int64 {
		var spare []*batch.Batch
		for range 64 {
			spare = append(spare, batch.Get())
		}
		for _, b := range spare {
			b.Release()
		}
		return heap()
	}
	for _, size := range []int{100, 1 << 20} {
		data := []byte(`"` + strings.Repeat("x", size) + `"`)
		envelopes := 3 * limit / size
		most := limit + 2*queue.Slack + 3*int64(size) // the indexes, what is begun, and what is being written
		for full := range rules {
			t.Run(fmt.Sprintf("publisher/%d/%s", size, full), func(t *testing.T) {
				p := newPublisher(t, "zmtp", "tcp://127.0.0.1:1", "ready.hold", "1h", "queue.block", "0",
					"queue.full", full.String(), "queue.bytes", fmt.Sprint(limit))
				before := baseline()
				for i := range envelopes {
					_ = p.Publish(fmt.Sprintf("t%d", i), "", data)
				}
				require.Less(t, heap()-before, most, "%d queued", p.Stats().QueuedBytes)
				require.Greater(t, p.Stats().QueuedBytes, int64(limit/4))
			})
			t.Run(fmt.Sprintf("receiver/%d/%s", size, full), func(t *testing.T) {
				r, err := NewReceiver("tcp://127.0.0.1:9", "r")
				require.NoError(t, err)
				set(t, r, "on_slow", "ignore", "queue.block", "0", "queue.bytes", fmt.Sprint(limit))
				r.inbox.open(full)
				before := baseline()
				for i := 0; i < envelopes; {
					b := batch.Get()
					for ; !b.Full() && i < envelopes; i++ {
						require.NoError(t, wire.Append(b, fmt.Sprintf("t%d", i), []byte(`"o"`), data, false))
					}
					r.deliver(b)
					b.Release()
				}
				require.Less(t, heap()-before, most, "%d queued", r.Stats().QueuedBytes)
				require.Greater(t, r.Stats().QueuedBytes, int64(limit/4))
				runtime.KeepAlive(r)
			})
		}
	}
}

// TestTheNewestOfEachTopicUseMemoryAgain: what is kept of big envelopes lies where older
// ones have been.
func TestTheNewestOfEachTopicUseMemoryAgain(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // it would take back what is kept for use
	const count, size = 200, 1 << 20
	p := newPublisher(t, "zmtp", "tcp://127.0.0.1:1", "queue.bytes", "8MiB", "queue.full", "latest_per_topic", "linger", "0")
	data := []byte(`"` + strings.Repeat("x", size) + `"`)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range count {
		require.NoError(t, p.Publish(fmt.Sprint(i), "", data))
	}
	runtime.ReadMemStats(&after)
	require.NotZero(t, p.Stats().DroppedOld)
	// Under the race detector a pool forgets a quarter of what it is given.
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(count*size*3/4))
}
