package sendqueue

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/queue"
	"github.com/hermes-zmq/hermes/internal/testkit"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// sink is an Outlet that keeps what it gets.
type sink struct {
	idle   atomic.Bool
	broken atomic.Bool // Send panics

	leaves atomic.Int64 // so many messages at the end of each batch find no subscriber

	mu    sync.Mutex
	parts []wire.Parts
}

func (s *sink) Idle() bool { return s.idle.Load() }

func (s *sink) Send(b *batch.Batch) carrier.Tally {
	if s.broken.Load() {
		panic(errors.New("a broken outlet"))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	left := min(b.Len(), int(s.leaves.Load()))
	for i := range b.Len() - left {
		p, err := wire.Split(append([]byte(nil), b.Message(i)...), new(wire.StreamMemo))
		if err != nil {
			panic(err)
		}
		s.parts = append(s.parts, p)
	}
	return carrier.Tally{Sent: b.Len() - left, Left: left, Orphaned: left}
}

func (s *sink) sent() []wire.Parts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]wire.Parts(nil), s.parts...)
}

// rig is a queue with a Sender whose goroutine runs until the end of the test.
type rig struct {
	Sender
	sink
	hold  atomic.Int64 // HoldFor
	fault chan error
}

func newRig(t *testing.T) *rig {
	r := &rig{fault: make(chan error, 1)}
	q := &Queue{}
	q.Init(func() uint32 { return 6 })
	q.Start(Config{Numbered: true, Bound: func() queue.Bound { return queue.Bound{Messages: 1000, Bytes: 1 << 20} }})
	r.Sender = Sender{Queue: q, Outlet: &r.sink, Subscribed: func() bool { return true },
		HoldFor: func() time.Duration { return time.Duration(r.hold.Load()) }, Fail: func(err error) { r.fault <- err }}
	var running sync.WaitGroup
	running.Go(r.Run)
	t.Cleanup(func() {
		q.Close()
		testkit.Wait(t, &running, "the sender's goroutine")
	})
	return r
}

func (r *rig) put(t *testing.T, topic string, n int) {
	done, err := Put(r.Queue, topic, []byte(`"o"`), []byte(strconv.Itoa(n)), Form{})
	require.NoError(t, err)
	require.True(t, done.Open)
	if done.Asleep {
		r.Wake()
	}
}

func (r *rig) asleep() bool {
	r.Queue.mu.Lock()
	defer r.Queue.mu.Unlock()
	return r.Queue.turn.asleep && !r.Queue.turn.taken
}

func TestEnvelopesAreSentInOrderStampedAndNumbered(t *testing.T) {
	for _, idle := range []bool{true, false} { // by callers in quiet moments, or by the goroutine alone
		t.Run(fmt.Sprint("idle=", idle), func(t *testing.T) {
			r := newRig(t)
			r.idle.Store(idle)
			before := float64(time.Now().UnixMicro()) / 1e6
			const count = 500
			for n := range count {
				if n%100 == 0 {
					testkit.Repeat(t, "the sender falls asleep", func() bool { time.Sleep(quietTime); return r.asleep() })
				}
				r.put(t, []string{"a", "b"}[n%2], n)
			}
			testkit.Repeat(t, "all are sent", func() bool { return len(r.sent()) == count })
			for n, p := range r.sent() {
				require.Equal(t, strconv.Itoa(n), string(p.Data))
				require.Equal(t, wire.Sequence{Incarnation: 7, Number: uint32(n / 2)}, p.Sequence)
				require.GreaterOrEqual(t, p.TS, before)
			}
			require.EqualValues(t, count, r.Queue.Snapshot().Sent)
		})
	}
}

func TestNothingIsSentWhileThereIsNoSubscription(t *testing.T) {
	r := newRig(t)
	r.hold.Store(int64(time.Hour))
	r.put(t, "a", 1)
	testkit.Repeat(t, "the sender has looked", func() bool {
		r.Queue.mu.Lock()
		defer r.Queue.mu.Unlock()
		return r.Queue.turn.lastEnded > 0
	})
	require.Empty(t, r.sent())
	require.EqualValues(t, 1, r.Queue.Snapshot().Queued)
	r.hold.Store(0)
	r.Queue.Changed()
	testkit.Repeat(t, "it is sent", func() bool { return len(r.sent()) == 1 })
}

// TestWhatFindsItsLastSubscriberGoneIsHeld: it is sent once there is one again, in order and with
// the numbers that it has, or counted when it is not to be held any longer.
func TestWhatFindsItsLastSubscriberGoneIsHeld(t *testing.T) {
	for _, ends := range []string{"a subscriber comes", "the hold ends", "a stop"} {
		t.Run(ends, func(t *testing.T) {
			r := newRig(t)
			var subscribed atomic.Bool
			subscribed.Store(true) // as it has not been told yet
			r.Subscribed = subscribed.Load
			r.put(t, "a", 0)
			testkit.Repeat(t, "the first is sent", func() bool { return len(r.sent()) == 1 })
			r.leaves.Store(1)
			r.put(t, "a", 1)
			testkit.Repeat(t, "it is given back", func() bool {
				r.Queue.mu.Lock()
				defer r.Queue.mu.Unlock()
				return r.Queue.returned != nil
			})
			r.put(t, "a", 2)
			require.EqualValues(t, 2, r.Queue.Snapshot().Queued)
			switch ends {
			case "a subscriber comes":
				r.leaves.Store(0)
				testkit.Repeat(t, "both are sent", func() bool { return len(r.sent()) == 3 })
				for n, p := range r.sent() {
					require.Equal(t, strconv.Itoa(n), string(p.Data))
					require.Equal(t, uint32(n), p.Sequence.Number)
				}
				require.Zero(t, r.Queue.Snapshot().DroppedNoPeer)
			case "the hold ends":
				subscribed.Store(false)
				testkit.Repeat(t, "both are counted", func() bool { return r.Queue.Snapshot().DroppedNoPeer == 2 })
				require.Zero(t, r.Queue.Snapshot().Queued)
			case "a stop":
				r.Queue.Drain()
				r.Queue.Close()
				require.EqualValues(t, 2, r.Queue.DropAll(0))
			}
		})
	}
}

func TestACallerDoesNotSendWhileTheGoroutineDoesOrEnvelopesWait(t *testing.T) {
	q := newQueue(queue.Block, queue.Bound{Messages: 100, Bytes: 1 << 20})
	require.False(t, q.beginTurn(), "there is nothing to send")
	_, err := Put(q, "t", []byte(`"o"`), []byte("1"), Form{})
	require.NoError(t, err)
	require.False(t, q.beginTurn(), "the goroutine is awake")
	q.turn.asleep = true
	q.turn.lastEnded = -time.Hour
	require.True(t, q.beginTurn())
	require.False(t, q.beginTurn(), "another caller has the turn")
	q.endTurn()
	q.Close()
	q.turn.lastEnded = -time.Hour
	require.False(t, q.beginTurn(), "the queue is closed")
}

// TestAPanicInACallerIsReported, and the turn ends, so that a stop does not wait for it.
func TestAPanicInACallerIsReported(t *testing.T) {
	r := newRig(t)
	r.idle.Store(true)
	testkit.Repeat(t, "the sender falls asleep", r.asleep)
	r.Queue.mu.Lock()
	r.Queue.turn.lastEnded = -time.Hour
	r.Queue.mu.Unlock()
	r.broken.Store(true)
	r.put(t, "a", 1)
	require.ErrorContains(t, testkit.Receive(t, r.fault, "the report"), "a broken outlet")
	r.Queue.Close()
	testkit.Finish(t, "giving up", func() { r.Queue.DropAll(0) })
}
