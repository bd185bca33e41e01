package core

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/queue"
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
