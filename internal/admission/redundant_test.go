package admission

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/queue"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

func run(topic string, from, to int) (out []arrival) {
	for n := from; n < to; n++ {
		out = append(out, arrival{topic: topic, origin: "o", number: n, incarnation: 7})
	}
	return out
}

// TestATimerGivesUpOnAPathThatIsGone: no batch has to come for it.
func TestATimerGivesUpOnAPathThatIsGone(t *testing.T) {
	r := newReceiver(queue.DropNew, 100, 2)
	r.hold = 20 * time.Millisecond
	r.arrive(t, 0, run("t", 0, 2)...)
	r.arrive(t, 1, run("t", 0, 2)...)
	r.SetConnected(1, false)
	r.arrive(t, 0, run("t", 4, 6)...)
	require.Equal(t, "t:0 t:1", r.take())
	testkit.Repeat(t, "what is held is delivered", func() bool { return r.queue.Stats().Held == 0 })
	require.Equal(t, "t:4(lost 2) t:5", r.take())
	r.End()
}

// TestPathsDoNotOvertakeEachOther while one of them waits for room.
func TestPathsDoNotOvertakeEachOther(t *testing.T) {
	r := newReceiver(queue.Block, 3, 2)
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.arrive(t, 0, run("t", 0, 3)...)
		r.arrive(t, 1, run("t", 0, 6)...)
	}()
	testkit.Receive(t, done, "both paths")
	require.Equal(t, "t:0 t:1 t:2", r.take())
	s := r.queue.Stats()
	require.EqualValues(t, []uint64{9, 3, 3}, []uint64{s.Arrived, s.DroppedDuplicate, s.DroppedOverflow})
	require.Equal(t, []string{"full:3"}, r.reported)
}

// TestNoPathIsGivenUpWhileTheQueueIsFull: what it may still bring has not been read.
func TestNoPathIsGivenUpWhileTheQueueIsFull(t *testing.T) {
	r := newReceiver(queue.Auto, 3, 2)
	var now atomic.Int64
	r.paused.monotonic = func() time.Duration { return time.Duration(now.Load()) }
	r.hold = time.Hour
	r.blockFor.Store(int64(testkit.Soon))
	r.arrive(t, 0, run("t", 0, 2)...)
	r.arrive(t, 1, run("t", 0, 2)...)
	r.arrive(t, 0, run("t", 3, 5)...) // and the other path may bring t:2
	require.EqualValues(t, 2, r.queue.Stats().Held)

	done := make(chan struct{})
	go func() {
		defer close(done)
		r.arrive(t, 0, run("u", 0, 2)...)
	}()
	testkit.Repeat(t, "a path waits for room", r.queue.HoldsBack)
	testkit.Repeat(t, "it has given up the lock", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.paused.since >= 0
	})
	now.Add(int64(2 * time.Hour))
	r.SetConnected(1, true)
	require.Equal(t, "t:0 t:1 u:0", r.take())
	testkit.Receive(t, done, "the path")
	require.Equal(t, "u:1", r.take())
	r.giveUp()
	r.arrive(t, 1, run("t", 2, 3)...)
	require.Equal(t, "t:2 t:3 t:4", r.take())
	require.Zero(t, r.queue.Stats().Lost)

	r.arrive(t, 0, run("t", 6, 7)...)
	now.Add(int64(2 * time.Hour))
	r.giveUp()
	require.Equal(t, "t:6(lost 1)", r.take(), "a path that is read and brings nothing is given up")
	r.End()
}
