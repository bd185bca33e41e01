package recvqueue

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/queue"
	"github.com/hermes-zmq/hermes/internal/testkit"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// envelope is one envelope of a test.
type envelope struct{ topic, data string }

// batchOf builds a batch and stages all of it, as admission does.
func batchOf(t testing.TB, envelopes ...envelope) (*batch.Batch, *Staged) {
	t.Helper()
	b := batch.Get()
	for _, e := range envelopes {
		if err := wire.Append(b, e.topic, []byte(`"o"`), []byte(e.data), false); err != nil { // require is slow
			require.NoError(t, err)
		}
	}
	return b, stage(t, b)
}

func stage(t testing.TB, b *batch.Batch) *Staged {
	t.Helper()
	var s Staged
	var memo wire.StreamMemo
	for i := range b.Len() {
		var p wire.Parts
		if err := p.Split(b.Message(i), &memo); err != nil {
			require.NoError(t, err)
		}
		r := s.Add()
		r.Set(b.Buf, &p, 1)
		s.Size += r.Size()
		s.Counters.Arrived++
	}
	return &s
}

// put hands envelopes to a queue in one batch.
func put(t testing.TB, q *Queue, envelopes ...envelope) (left []Record, dropped int) {
	t.Helper()
	b, s := batchOf(t, envelopes...)
	defer b.Release()
	return q.Put(b, s)
}

// bounded is a queue with a bound that can be changed.
func bounded(messages, bytes int64) (*Queue, *atomic.Pointer[queue.Bound]) {
	return boundedFor(messages, bytes, testkit.Soon)
}

// boundedFor is bounded, with the time after which an application that takes nothing is
// stalled.
func boundedFor(messages, bytes int64, block time.Duration) (*Queue, *atomic.Pointer[queue.Bound]) {
	var bound atomic.Pointer[queue.Bound]
	bound.Store(&queue.Bound{Messages: messages, Bytes: bytes})
	return New(Limits{
		Bound:    func() queue.Bound { return *bound.Load() },
		BlockFor: func() time.Duration { return block },
	}), &bound
}

// TestScripts runs testdata. The commands are:
//
//	new messages=N bytes=N [impatient]    a queue that was never opened; where it is impatient,
//	                                      no Put waits for an application that takes nothing
//	open policy=P, close, end-waits       what its receiver does
//	bound messages=N bytes=N
//	put                                   one batch; lines "topic data", or "topic from to" of numbers
//	put-waiting                           the rest of the last put, with what room there is
//	take most=N                           without a wait
//	undelivered n=N                       of what was taken
//	prefetch, read n=N                    fills the prefetch buffer; reads from it
//	stats                                 all counters that are not 0
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		s := &script{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string { return s.run(t, d) })
	})
}

type script struct {
	q      *Queue
	bound  *atomic.Pointer[queue.Bound]
	b      *batch.Batch
	left   []Record
	buffer *testBuffer
}

func (s *script) run(t *testing.T, d *datadriven.TestData) string {
	var messages, bytes int64
	d.MaybeScanArgs(t, "messages", &messages)
	d.MaybeScanArgs(t, "bytes", &bytes)
	switch d.Cmd {
	case "new":
		block := testkit.Soon
		if d.HasArg("impatient") {
			block = 0
		}
		s.q, s.bound = boundedFor(messages, bytes, block)
		s.buffer = &testBuffer{}
		s.q.SetPrefetcher(s.buffer)
	case "bound":
		s.bound.Store(&queue.Bound{Messages: messages, Bytes: bytes})
	case "open":
		var name string
		d.ScanArgs(t, "policy", &name)
		p, err := queue.ParsePolicy(name)
		require.NoError(t, err)
		return fmt.Sprintf("first:%v\n", s.q.Open(p))
	case "close":
		s.q.Close()
	case "end-waits":
		s.q.EndWaits()
	case "put":
		b, staged := batchOf(t, envelopesOf(t, d.Input)...)
		var dropped int
		s.b = b
		s.left, dropped = s.q.Put(b, staged)
		s.left = append([]Record(nil), s.left...)
		return fmt.Sprintf("left:%d dropped:%d\n", len(s.left), dropped)
	case "put-waiting":
		return fmt.Sprintf("dropped:%d\n", s.q.PutWaiting(s.b, s.left))
	case "take":
		return s.take(t, d)
	case "prefetch":
		return fmt.Sprintf("some:%v empty:%v\n", s.q.Prefetch(), s.q.Empty())
	case "read":
		var n int
		d.ScanArgs(t, "n", &n)
		return s.buffer.read(n)
	case "undelivered":
		var n int
		d.ScanArgs(t, "n", &n)
		s.q.Undelivered(n)
	case "stats":
		return statsText(s.q.Stats())
	default:
		d.Fatalf(t, "no command %q", d.Cmd)
	}
	return ""
}

func (s *script) take(t *testing.T, d *datadriven.TestData) string {
	var most int
	d.ScanArgs(t, "most", &most)
	var taken Taken
	defer taken.Release()
	outcome := s.q.Take(&taken, most, 0)
	if outcome != Took {
		return map[Outcome]string{TimedOut: "nothing yet", NeverOpened: "never opened", Ended: "ended"}[outcome] + "\n"
	}
	return text(&taken) + "\n"
}

// text lists envelopes as topic=data.
func text(t *Taken) string {
	var out []string
	var v View
	for i := range t.Len() {
		t.Look(i, &v)
		out = append(out, fmt.Sprintf("%s=%s", v.Topic, v.Data))
	}
	return strings.Join(out, " ")
}

func envelopesOf(t *testing.T, input string) (out []envelope) {
	for _, line := range strings.Split(input, "\n") {
		f := strings.Fields(line)
		if len(f) == 2 {
			out = append(out, envelope{f[0], f[1]})
			continue
		}
		from, err := strconv.Atoi(f[1])
		require.NoError(t, err)
		to, err := strconv.Atoi(f[2])
		require.NoError(t, err)
		for n := from; n <= to; n++ {
			out = append(out, envelope{f[0], strconv.Itoa(n)})
		}
	}
	return out
}

func statsText(s Stats) string {
	var out []string
	for _, c := range []struct {
		name string
		n    any
	}{{"arrived", s.Arrived}, {"delivered", s.Delivered}, {"queued", s.Queued}, {"queued_bytes", s.QueuedBytes},
		{"dropped_overflow", s.DroppedOverflow}, {"dropped_old", s.DroppedOld}, {"dropped_conflated", s.DroppedConflated}} {
		if text := fmt.Sprint(c.n); text != "0" {
			out = append(out, c.name+"="+text)
		}
	}
	return strings.Join(out, " ") + "\n"
}

// TestItKeepsItsOrderAndItsAccount: whatever the policy, and in whatever bits envelopes come
// and are taken, what is taken is in order, and nothing is counted twice.
func TestItKeepsItsOrderAndItsAccount(t *testing.T) {
	for _, policy := range []queue.Policy{queue.DropNew, queue.DropOld, queue.LatestPerTopic, queue.Error} {
		for seed := range uint64(60) {
			random := rand.New(rand.NewPCG(seed, 2))
			topics := 1 + random.IntN(30)
			q, bound := bounded(1+random.Int64N(60), 500+random.Int64N(3000))
			q.Open(policy)
			sent, taken, last := 0, 0, -1
			newest := map[string]int{}
			take := func(most int) {
				var d Taken
				if q.Take(&d, most, 0) != Took {
					return
				}
				defer d.Release()
				var v View
				for i := range d.Len() {
					d.Look(i, &v)
					n, err := strconv.Atoi(string(v.Data))
					if err != nil || n <= last { // require is slow
						require.Fail(t, "not in order", "%s, seed %d: %q after %d", policy, seed, v.Data, last)
					}
					last = n
					if newest[string(v.Topic)] == n {
						delete(newest, string(v.Topic))
					}
				}
				taken += d.Len()
			}
			for sent < 4000 {
				var envelopes []envelope
				for n := min(1+random.IntN(1+random.IntN(100)), 4000-sent); n > 0; n-- {
					topic := fmt.Sprintf("t%d", random.IntN(topics))
					envelopes = append(envelopes, envelope{topic, strconv.Itoa(sent)})
					newest[topic] = sent
					sent++
				}
				put(t, q, envelopes...)
				if sent < 4000 && random.IntN(3) == 0 {
					take(1 + random.IntN(40))
				}
				s := q.Stats()
				require.EqualValues(t, sent, s.Arrived)
				require.Equal(t, s.Arrived, s.Delivered+uint64(s.Queued)+s.DroppedOverflow+s.DroppedOld+s.DroppedConflated)
				require.LessOrEqual(t, s.Queued, bound.Load().Messages)
			}
			frozen := q.conflating.on
			for q.Stats().Queued > 0 {
				take(1 + random.IntN(40))
			}
			require.EqualValues(t, taken, q.Stats().Delivered)
			require.Zero(t, [3]int64{q.count, q.bytes, q.memory()})
			if frozen && q.Stats().DroppedOld == 0 {
				require.Empty(t, newest, "the newest of each topic arrives")
			}
		}
	}
}

// TestThePolicyMayChangeFromRunToRun, and what is queued stays in order.
func TestThePolicyMayChangeFromRunToRun(t *testing.T) {
	q, _ := bounded(10, 1<<20)
	next := 0
	for round := range 50 {
		for _, policy := range []queue.Policy{queue.LatestPerTopic, queue.DropNew, queue.DropOld} {
			q.Open(policy)
			for range 15 {
				put(t, q, envelope{fmt.Sprintf("t%d", next%20), strconv.Itoa(next)})
				next++
			}
			var d Taken
			require.Equal(t, Took, q.Take(&d, 1+round%10, 0))
			last := -1
			var v View
			for i := range d.Len() {
				d.Look(i, &v)
				n, err := strconv.Atoi(string(v.Data))
				require.NoError(t, err)
				require.Greater(t, n, last)
				last = n
			}
			d.Release()
			s := q.Stats()
			require.Equal(t, s.Arrived, s.Delivered+uint64(s.Queued)+s.DroppedOverflow+s.DroppedOld+s.DroppedConflated)
		}
	}
}

func TestWhatWaitsForRoomComesIn(t *testing.T) {
	for name, makeRoom := range map[string]func(*Queue, *atomic.Pointer[queue.Bound]){
		"something is taken": func(q *Queue, _ *atomic.Pointer[queue.Bound]) {
			for range 2 {
				var d Taken
				q.Take(&d, 1, -1)
				d.Release()
			}
		},
		"the bound is raised": func(q *Queue, bound *atomic.Pointer[queue.Bound]) {
			bound.Store(&queue.Bound{Messages: 3, Bytes: 1 << 20})
			q.BoundChanged()
		},
	} {
		t.Run(name, func(t *testing.T) {
			q, bound := bounded(1, 1<<20)
			q.Open(queue.Block)
			b, s := batchOf(t, envelope{"t", "1"}, envelope{"t", "2"}, envelope{"t", "3"})
			defer b.Release()
			left, dropped := q.Put(b, s)
			require.Equal(t, []int{2, 0}, []int{len(left), dropped})
			require.EqualValues(t, 1, q.Stats().Arrived, "what waits has not arrived")
			done := make(chan int)
			go func() { done <- q.PutWaiting(b, left) }()
			makeRoom(q, bound)
			require.Zero(t, testkit.Receive(t, done, "the Put that waits"))
			require.EqualValues(t, 3, q.Stats().Arrived)
		})
	}
}

func TestTheDescriptorFollowsTheQueue(t *testing.T) {
	q, _ := bounded(10, 1<<20)
	q.Open(queue.DropNew)
	fd, err := q.FD()
	require.NoError(t, err)
	require.False(t, testkit.Readable(t, fd, 0))
	put(t, q, envelope{"t", "1"}, envelope{"t", "2"})
	for range 2 {
		require.True(t, testkit.Readable(t, fd, 0))
		var d Taken
		q.Take(&d, 1, 0)
		d.Release()
	}
	require.False(t, testkit.Readable(t, fd, 0))
	require.False(t, q.Leasable(), "the descriptor has to tell of what comes")
	q.Close()
	require.True(t, testkit.Readable(t, fd, 0))
	q.Dispose()
	_, err = q.FD()
	require.ErrorIs(t, err, os.ErrClosed)
}

type counter struct{ woken int }

func (c *counter) Wake() { c.woken++ }

func TestTheWakerIsToldOfEveryPutAndOfTheEnd(t *testing.T) {
	q, _ := bounded(2, 1<<20)
	q.Open(queue.LatestPerTopic)
	c := &counter{}
	q.SetWaker(c)
	put(t, q, envelope{"t", "1"})
	put(t, q, envelope{"t", "2"}, envelope{"u", "3"}) // conflated
	require.Equal(t, 2, c.woken)
	q.Close()
	require.Equal(t, 3, c.woken)
}

func heap() int64 {
	runtime.GC()
	runtime.GC() // what pools held over the first
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// baseline is the heap with the empty batches in it of which a few are never freed.
func baseline() int64 {
	var spare []*batch.Batch
	for range 64 {
		spare = append(spare, batch.Get())
	}
	for _, b := range spare {
		b.Release()
	}
	return heap()
}

// TestMemoryStaysWithinTheBound that is set in bytes, for small and for big envelopes,
// and whatever the policy.
func TestMemoryStaysWithinTheBound(t *testing.T) {
	const limit = 2 << 20
	for _, size := range []int{100, 1 << 20} {
		data := []byte(`"` + strings.Repeat("x", size) + `"`)
		envelopes := 3 * limit / size
		most := limit + 2*queue.Slack + 3*int64(size) // the indexes, what is begun, and what is being written
		for _, name := range queue.Policies() {
			t.Run(fmt.Sprintf("%d/%s", size, name), func(t *testing.T) {
				policy, err := queue.ParsePolicy(name)
				require.NoError(t, err)
				q, _ := bounded(1<<40, limit)
				q.Open(policy)
				before := baseline()
				for i := 0; i < envelopes; {
					b := batch.Get()
					for ; !b.Full() && i < envelopes; i++ {
						require.NoError(t, wire.Append(b, fmt.Sprintf("t%d", i), []byte(`"o"`), data, false))
					}
					_, _ = q.Put(b, stage(t, b))
					b.Release()
				}
				s := q.Stats()
				require.Less(t, heap()-before, most, "%d queued", s.QueuedBytes)
				require.Greater(t, s.QueuedBytes, int64(limit/4))
				runtime.KeepAlive(q)
			})
		}
	}
}
