package recvqueue

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/queue"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

// numbered are envelopes of a topic, with numbers from one to the one before another.
func numbered(topic string, from, to int) (out []envelope) {
	for n := from; n < to; n++ {
		out = append(out, envelope{topic, strconv.Itoa(n)})
	}
	return out
}

// deliver is what the goroutine of a connection does with a batch.
func deliver(t testing.TB, q *Queue, envelopes ...envelope) (dropped int) {
	b, s := batchOf(t, envelopes...)
	defer b.Release()
	left, dropped := q.Put(b, s)
	if len(left) > 0 {
		dropped += q.PutWaiting(b, left)
	}
	return dropped
}

// waits is how many Puts wait for room.
func (q *Queue) waits() int {
	q.lock()
	defer q.unlock()
	return q.flow.waiting
}

// takes takes up to most envelopes without a wait, and tells how many there were.
func takes(q *Queue, most int) int {
	var d Taken
	defer d.Release()
	if q.Take(&d, most, 0) != Took {
		return 0
	}
	return d.Len()
}

// balanced checks the account of a queue for which no Put waits.
func balanced(t testing.TB, q *Queue) {
	t.Helper()
	s := q.Stats()
	require.Equal(t, s.Arrived, s.Delivered+uint64(s.Queued)+s.DroppedOverflow)
}

// TestNothingIsLostWhereTheApplicationKeepsTaking, at whatever speeds: several connections, a
// thread that takes in all ways there are, and bounds that change.
func TestNothingIsLostWhereTheApplicationKeepsTaking(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 3))
		most := queue.Bound{Messages: 1 + random.Int64N(3000), Bytes: 200 + random.Int64N(1<<17)}
		q, bound := bounded(most.Messages, most.Bytes)
		q.Open([]queue.Policy{queue.Auto, queue.Block}[seed%2])
		buffer := &testBuffer{}
		q.SetPrefetcher(buffer)
		const connections, each = 3, 2000
		var producers sync.WaitGroup
		for c := range connections {
			random := rand.New(rand.NewPCG(seed, uint64(c)))
			producers.Go(func() {
				for sent := 0; sent < each; {
					n := min(1+random.IntN(1+random.IntN(600)), each-sent)
					if deliver(t, q, numbered(strconv.Itoa(c), sent, sent+n)...) > 0 {
						return // which the sums show
					}
					sent += n
					if random.IntN(4) == 0 {
						time.Sleep(time.Duration(random.IntN(300)) * time.Microsecond)
					}
				}
			})
		}
		last := [connections]int{-1, -1, -1}
		got := 0
		note := func(envelopes []string) {
			for _, e := range envelopes {
				topic, data, _ := strings.Cut(e, "=")
				c, n := topic[0]-'0', 0
				_, _ = fmt.Sscan(data, &n)
				require.Equal(t, last[c]+1, n, "seed %d, connection %d", seed, c)
				last[c] = n
				got++
			}
		}
		for end := time.Now().Add(testkit.Soon); got < connections*each; {
			require.True(t, time.Now().Before(end), "seed %d: %d taken, %+v", seed, got, q.Stats())
			switch random.IntN(12) {
			case 0:
				time.Sleep(time.Duration(random.IntN(500)) * time.Microsecond)
			case 1, 2, 3:
				if q.Prefetch() {
					note(buffer.take(1 + random.IntN(prefetchMessages)))
				}
			case 4:
				bound.Store(&queue.Bound{Messages: 1 + random.Int64N(most.Messages), Bytes: 1 + random.Int64N(most.Bytes)})
				q.BoundChanged()
			default:
				var d Taken
				if q.Take(&d, 1+random.IntN(300), time.Millisecond) == Took {
					note(strings.Fields(text(&d)))
				}
				d.Release()
			}
		}
		testkit.Wait(t, &producers, "all connections")
		s := q.Stats()
		require.EqualValues(t, []int{connections * each, connections * each, 0}, []int{int(s.Arrived), int(s.Delivered), int(s.Queued)})
		balanced(t, q)
	}
}

// TestTheAccountHoldsWhereTheApplicationStallsAndGoesOn, and what is taken is in order.
func TestTheAccountHoldsWhereTheApplicationStallsAndGoesOn(t *testing.T) {
	for seed := range uint64(6) {
		random := rand.New(rand.NewPCG(seed, 4))
		q, _ := boundedFor(1+random.Int64N(50), 200+random.Int64N(5000), time.Duration(random.IntN(2))*time.Millisecond)
		q.Open(queue.Auto)
		buffer := &testBuffer{}
		q.SetPrefetcher(buffer)
		var over atomic.Bool
		var producer sync.WaitGroup
		var sent, dropped int
		producer.Go(func() {
			random := rand.New(rand.NewPCG(seed, 5))
			for !over.Load() {
				n := 1 + random.IntN(30)
				dropped += deliver(t, q, numbered("t", sent, sent+n)...)
				sent += n
				time.Sleep(time.Duration(random.IntN(200)) * time.Microsecond)
			}
		})
		last, got := -1, 0
		for range 300 {
			time.Sleep(time.Duration(random.IntN(1+random.IntN(600))) * time.Microsecond)
			var d Taken
			envelopes := []string{}
			if random.IntN(3) == 0 && q.Prefetch() {
				envelopes = buffer.take(1 + random.IntN(40))
			} else if q.Take(&d, 1+random.IntN(20), 0) == Took {
				envelopes = strings.Fields(text(&d))
			}
			for _, e := range envelopes {
				n := 0
				_, _ = fmt.Sscan(strings.TrimPrefix(e, "t="), &n)
				require.Greater(t, n, last, "seed %d", seed)
				last = n
			}
			got += len(envelopes)
			d.Release()
		}
		over.Store(true)
		q.EndWaits()
		testkit.Wait(t, &producer, "the connection")
		balanced(t, q)
		s := q.Stats()
		require.EqualValues(t, []int{sent, dropped, got}, []int{int(s.Arrived), int(s.DroppedOverflow), int(s.Delivered)})
	}
}

// TestAnApplicationThatTakesNothingIsStalled after the time that Limits says, and all that
// wait drop then.
func TestAnApplicationThatTakesNothingIsStalled(t *testing.T) {
	q, _ := boundedFor(10, 1<<20, 30*time.Millisecond)
	q.Open(queue.Auto)
	require.Zero(t, deliver(t, q, numbered("t", 0, 10)...))
	began := time.Now()
	dropped := make(chan int)
	for c := range 3 {
		go func() { dropped <- deliver(t, q, numbered(strconv.Itoa(c), 0, 5)...) }()
	}
	for range 3 {
		require.Equal(t, 5, testkit.Receive(t, dropped, "those that wait"))
	}
	require.GreaterOrEqual(t, time.Since(began), 30*time.Millisecond)
	require.Equal(t, 1, deliver(t, q, envelope{"t", "10"}), "without a wait")
	require.Equal(t, 4, takes(q, 4))
	require.Equal(t, 1, deliver(t, q, envelope{"t", "11"}))
	require.Equal(t, 1, takes(q, 1))
	require.Zero(t, deliver(t, q, envelope{"t", "12"}), "it has caught up")
	balanced(t, q)
}

// TestAnApplicationThatTakesLittleIsNotStalled: one envelope in a while is enough, also where
// it is taken from the prefetch buffer, of which the queue hears nothing.
func TestAnApplicationThatTakesLittleIsNotStalled(t *testing.T) {
	for name, prefetches := range map[string]bool{"taken": false, "prefetched": true} {
		t.Run(name, func(t *testing.T) {
			const block = 200 * time.Millisecond
			q, _ := boundedFor(10, 1<<20, block)
			q.Open(queue.Block)
			buffer := &testBuffer{}
			q.SetPrefetcher(buffer)
			require.Zero(t, deliver(t, q, numbered("t", 0, 10)...))
			if prefetches {
				require.True(t, q.Prefetch())
			}
			w := q.beginWait()
			for i := range 4 { // as a Put that polls, without its clock
				w.quiet = block - 1
				q.noteWithLock(&w)
				require.False(t, q.flow.stalled)
				if prefetches {
					require.Len(t, buffer.take(1), 1)
				} else {
					require.Equal(t, 1, takes(q, 1))
				}
				w.quiet = block
				q.noteWithLock(&w)
				require.False(t, q.flow.stalled)
				require.Zero(t, w.quiet, "round %d: it has taken one", i)
			}
			w.quiet = block
			q.noteWithLock(&w)
			require.True(t, q.flow.stalled)
			require.Zero(t, q.giveUp(nil))
		})
	}
}

func (q *Queue) noteWithLock(w *roomWait) {
	q.lock()
	defer q.unlock()
	q.reconcile()
	q.noteStall(w)
}

// TestAPutThatWaitsIsNotWokenForEachEnvelope, but for an eighth of the bounds.
func TestAPutThatWaitsIsNotWokenForEachEnvelope(t *testing.T) {
	q, bound := bounded(80, 1<<20)
	q.Open(queue.Auto)
	require.Zero(t, deliver(t, q, numbered("t", 0, 80)...))
	roomy := func() bool {
		q.lock()
		defer q.unlock()
		return q.roomy()
	}
	require.Equal(t, 9, takes(q, 9))
	require.False(t, roomy())
	require.Equal(t, 1, takes(q, 1))
	require.True(t, roomy())
	bound.Store(&queue.Bound{Messages: 1 << 40, Bytes: 70 * 25})
	require.False(t, roomy(), "each has 25 bytes")
	require.Equal(t, 9, takes(q, 9))
	require.True(t, roomy())
	bound.Store(&queue.Bound{Messages: 1, Bytes: 1})
	require.False(t, roomy())
	require.Equal(t, 61, takes(q, 100))
	require.True(t, roomy(), "an empty queue has room for one")
}

// TestWhileOneConnectionWaitsTheOthersDo, too: otherwise small batches would always find
// the room that a big one waits for.
func TestWhileOneConnectionWaitsTheOthersDo(t *testing.T) {
	q, _ := bounded(10, 1<<20)
	q.Open(queue.Auto)
	require.Zero(t, deliver(t, q, numbered("t", 0, 10)...))
	first, second := make(chan int), make(chan int)
	go func() { first <- deliver(t, q, numbered("a", 0, 4)...) }()
	testkit.Repeat(t, "one waits", func() bool { return q.waits() == 1 })
	bound := queue.Bound{Messages: 100, Bytes: 1 << 20}
	b, s := batchOf(t, envelope{"b", "0"})
	defer b.Release()
	q.lock()
	n, wait := q.accept(s.Records, s.Size, bound)
	q.unlock()
	require.Zero(t, n)
	require.True(t, wait)
	go func() { second <- deliver(t, q, envelope{"b", "0"}) }()
	testkit.Repeat(t, "two wait", func() bool { return q.waits() == 2 })
	require.Equal(t, 10, takes(q, 10))
	require.Zero(t, testkit.Receive(t, first, "the first"))
	require.Zero(t, testkit.Receive(t, second, "the second"))
	require.Equal(t, 5, takes(q, 10))
	require.Zero(t, q.waits())
}

// TestTheThreadThatTakesNeverWaits for itself.
func TestTheThreadThatTakesNeverWaits(t *testing.T) {
	q, _ := bounded(10, 1<<20)
	q.Open(queue.Auto)
	require.False(t, q.HoldsBack())
	q.BeginTakerRead()
	b, s := batchOf(t, numbered("t", 0, 25)...)
	defer b.Release()
	left, dropped := q.Put(b, s)
	q.EndTakerRead()
	require.Equal(t, []int{0, 0}, []int{len(left), dropped})
	require.True(t, q.HoldsBack())
	require.True(t, q.Leasable())

	done := make(chan int)
	go func() { done <- deliver(t, q, envelope{"t", "25"}) }()
	testkit.Repeat(t, "a connection waits", func() bool { return q.waits() == 1 })
	require.False(t, q.Leasable(), "for its goroutine reads")
	require.Equal(t, 25, takes(q, 100))
	require.Zero(t, testkit.Receive(t, done, "the connection"))
	require.True(t, q.Leasable())
	q.Open(queue.DropNew)
	require.False(t, q.HoldsBack())
}

// BenchmarkSlowTaker is the cost of an envelope where the connection always waits for room.
func BenchmarkSlowTaker(b *testing.B) {
	q, _ := bounded(10_000, 1<<30)
	q.Open(queue.Auto)
	var over atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		in, s := batchOf(b, numbered("t", 0, 400)...)
		defer in.Release()
		records := append([]Record(nil), s.Records...)
		for !over.Load() {
			s := Staged{Records: append([]Record(nil), records...), Size: sizeOf(records), Counters: Counters{Arrived: uint64(len(records))}}
			c := batch.Get()
			c.Buf = append(c.Buf, in.Buf...)
			if left, _ := q.Put(c, &s); len(left) > 0 {
				q.PutWaiting(c, left)
			}
			c.Release()
		}
	}()
	for b.Loop() {
		var d Taken
		q.Take(&d, 1, -1)
		d.Release()
	}
	over.Store(true)
	q.EndWaits()
	<-done
}
