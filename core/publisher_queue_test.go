package core

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/queue"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

// TestThePublishersDescriptorShowsRoom: it is unreadable from an attempt that found no
// room until there is some, and at the end it wakes all of them.
func TestThePublishersDescriptorShowsRoom(t *testing.T) {
	eachTransport(t, func(t *testing.T, engine string) {
		po := newOffice(t, engine)
		p := newPublisher(t, engine, get(t, po, "endpoint.in"), "queue.messages", "2", "ready.hold", "1h", "linger", "0")
		fd, err := p.FD()
		require.NoError(t, err)
		row := []byte(`["t", null, 1]`)
		for range 2 {
			require.NoError(t, p.TryPublish(row))
			require.True(t, testkit.Readable(t, fd, 0))
		}
		for range 2 {
			code(t, ETIMEOUT, p.TryPublish(row), "full for now")
			require.False(t, testkit.Readable(t, fd, 0))
		}
		s := p.Stats()
		require.EqualValues(t, []any{2, 0}, []any{int(s.Accepted), int(s.DroppedFull)}, "an attempt is not counted")

		r := newReceiver(t, engine, get(t, po, "endpoint.out"), "on_slow", "ignore")
		require.True(t, testkit.Readable(t, fd, soon))
		require.NoError(t, p.TryPublish(row))
		collect(t, r, 3)

		require.NoError(t, r.Stop(0))
		require.Eventually(t, func() bool { // until it holds back again, with no peer
			for p.TryPublish(row) == nil {
				continue
			}
			return !testkit.Readable(t, fd, 0)
		}, soon, time.Millisecond)
		_ = p.Stop(0)
		require.True(t, testkit.Readable(t, fd, 0))
		require.NoError(t, p.Close())
		_, err = p.FD()
		code(t, EBADHANDLE, err, "closed")
	})
}

// TestNoRoomIsMissed: a program that waits only on the descriptor publishes everything through
// a queue that is nearly always full.
func TestNoRoomIsMissed(t *testing.T) {
	po := newOffice(t, "zmtp")
	r := newReceiver(t, "zmtp", get(t, po, "endpoint.out"), "on_slow", "ignore")
	p := newPublisher(t, "zmtp", get(t, po, "endpoint.in"), "queue.messages", "3", "ready.hold", "30s")
	fd, err := p.FD()
	require.NoError(t, err)
	const count = 5000
	for n := 0; n < count; {
		switch err := p.TryPublish([]byte(`["t", null, 1]`)); CodeOf(err) {
		case OK:
			n++
		case ETIMEOUT:
			require.True(t, testkit.Readable(t, fd, soon))
		default:
			require.NoError(t, err)
		}
	}
	collect(t, r, count)
}

// TestAHigherBoundMakesRoom: a caller that waits for room learns of a new bound, even where nothing
// is sent that would make some.
func TestAHigherBoundMakesRoom(t *testing.T) {
	p := newPublisher(t, "zmtp", "tcp://127.0.0.1:1", "ready.hold", "1h", "queue.messages", "1", "queue.block", "1h")
	require.NoError(t, p.Publish("t", "", []byte("1")))
	published := make(chan error, 1)
	go func() { published <- p.Publish("t", "", []byte("2")) }()
	fd, err := p.FD()
	require.NoError(t, err)
	require.Eventually(t, func() bool { return !testkit.Readable(t, fd, 0) }, soon, time.Millisecond, "it waits")
	set(t, p, "queue.messages", "2")
	require.NoError(t, testkit.Receive(t, published, "a publish that waits for room"))
	code(t, ETIMEOUT, p.TryPublish([]byte(`["t", null, 3]`)), "full")
	require.False(t, testkit.Readable(t, fd, 0))
	set(t, p, "queue.messages", "3")
	require.True(t, testkit.Readable(t, fd, 0))
	require.NoError(t, p.TryPublish([]byte(`["t", null, 3]`)))
	require.EqualValues(t, 3, p.Stats().Queued)
}

func TestAFullQueueWaitsThenSaysSo(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		p := newPublisher(t, engine, "tcp://127.0.0.1:1", "ready.hold", "1h", "queue.messages", "10", "queue.block", "50ms")
		for range 10 {
			require.NoError(t, p.Publish("t", "", []byte("1")))
		}
		began := time.Now()
		code(t, EFULL, p.Publish("t", "", []byte("1")), "pub", "10 envelopes")
		require.GreaterOrEqual(t, time.Since(began), 50*time.Millisecond)
		s := p.Stats()
		require.EqualValues(t, 11, s.Accepted)
		require.EqualValues(t, 1, s.DroppedFull)
		require.EqualValues(t, 10, s.Queued)
		code(t, ETIMEOUT, p.Stop(10*time.Millisecond), "10 envelopes")
		s = p.Stats()
		require.EqualValues(t, 10, s.DroppedStop)
		require.Zero(t, s.Queued)
	})
}

func TestAFullPublisherFollowsItsPolicy(t *testing.T) {
	eachTransport(t, func(t *testing.T, engine string) {
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
	// Of empty batches a few are never freed: they must be there before.
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
