package sendqueue

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/queue"
	"github.com/hermes-zmq/hermes/internal/testkit"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// watchedStager is a staging buffer to which nothing is written; it keeps what might be.
type watchedStager struct {
	allowed  Allowance
	collects int
	wakes    bool
	fd       int
}

func (w *watchedStager) Open(_, _ []byte, fd int) bool {
	w.allowed, w.fd = Allowance{}, fd
	return true
}
func (w *watchedStager) Close()         {}
func (w *watchedStager) Wakes() bool    { return w.wakes }
func (w *watchedStager) ForgetFD() bool { w.fd = -1; return true }
func (w *watchedStager) Collect(a Allowance) ([]byte, []uint32) {
	w.allowed = a
	w.collects++
	return nil, nil
}

func stagingQueue() (*Queue, *watchedStager) {
	q, w := &Queue{}, &watchedStager{}
	q.Init(func() uint32 { return 1 })
	q.SetStager(w)
	return q, w
}

func (q *Queue) startBlocking() {
	q.Start(Config{Bound: func() queue.Bound { return queue.Bound{Messages: 100, Bytes: 1 << 20} }})
}

// TestNothingIsStagedBeforeTheBufferIsReady: opening it empties it, so in a second run too
// it must not be allowed anything before, not even by a look at the counters.
func TestNothingIsStagedBeforeTheBufferIsReady(t *testing.T) {
	q, w := stagingQueue()
	for range 2 {
		q.startBlocking()
		q.Snapshot()
		require.Zero(t, w.allowed)
		q.OpenStaging(nil, nil, 100)
		q.Snapshot()
		require.NotZero(t, w.allowed)
		q.Drain()
		require.Zero(t, w.allowed.Messages)
		q.Close()
		q.DropAll(0)
	}
}

// TestAQuietPublishDoesNotCollect: to collect may be a call into another runtime, so it is
// left out where the sender sleeps and nothing can have been written.
func TestAQuietPublishDoesNotCollect(t *testing.T) {
	q, w := stagingQueue()
	q.startBlocking()
	q.OpenStaging(nil, nil, 100)
	q.turn.asleep = true
	put := func() {
		r, err := Put(q, "t", []byte(`"o"`), []byte("1"), Form{})
		require.NoError(t, err)
		require.True(t, r.Asleep)
	}
	put()
	require.Zero(t, w.collects)
	q.turn.asleep = false
	q.collect()
	require.Equal(t, 1, w.collects)
	require.NotZero(t, w.allowed.Messages)
	q.turn.asleep = true
	put() // the last Collect
	require.Equal(t, 2, w.collects)
	require.Zero(t, w.allowed.Messages)
	put()
	require.Equal(t, 2, w.collects)
}

// quietStager is a staging buffer to which one message at a time is written while the
// Sender's goroutine sleeps.
type quietStager struct {
	watchedStager
	mu      sync.Mutex
	message []byte // nil: none
}

func (w *quietStager) Collect(a Allowance) (messages []byte, ends []uint32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.allowed = a
	if messages, w.message = w.message, nil; messages != nil {
		ends = []uint32{uint32(len(messages))}
	}
	return messages, ends
}

// stage stages an envelope as a thread outside of Go does, if it may, and wakes the Sender.
func (w *quietStager) stage(t *testing.T) bool {
	w.mu.Lock()
	if !w.allowed.Wakes || w.message != nil || w.fd < 0 {
		w.mu.Unlock()
		return false
	}
	b := batch.Get()
	defer b.Release()
	require.NoError(t, wire.Append(b, "t", []byte(`"o"`), []byte("1"), false))
	w.message = slices.Clone(b.Message(0))
	fd := w.fd
	w.mu.Unlock()
	testkit.Write(t, fd, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	return true
}

// sleeping is a queue with such a buffer, and a Sender whose goroutine sleeps.
func sleeping(t *testing.T) (*Queue, *quietStager) {
	q, w := &Queue{}, &quietStager{watchedStager: watchedStager{wakes: true}}
	q.Init(func() uint32 { return 1 })
	q.SetStager(w)
	q.startBlocking()
	q.OpenStaging(nil, nil, 100)
	s := &Sender{Queue: q, Outlet: taking{}, Subscribed: func() bool { return true }, HoldFor: func() time.Duration { return 0 }, Fail: func(err error) { panic(err) }}
	var running sync.WaitGroup
	running.Go(s.Run)
	running.Go(s.RunStaged)
	t.Cleanup(func() {
		q.Drain()
		q.Close()
		running.Wait()
		q.DropAll(0)
		require.Negative(t, w.fd, "the descriptor is forgotten before it is closed")
	})
	return q, w
}

// taking is an outlet that sends all at once.
type taking struct{}

func (taking) Idle() bool                        { return true }
func (taking) Send(b *batch.Batch) carrier.Tally { return carrier.Tally{Sent: b.Len()} }

func TestWhatIsStagedWhileTheSenderSleepsIsSent(t *testing.T) {
	q, w := sleeping(t)
	for sent := uint64(1); sent <= 20; sent++ {
		testkit.Repeat(t, "it may be staged", func() bool { return w.stage(t) })
		testkit.Repeat(t, "it is sent", func() bool { return q.Snapshot().Sent == sent })
	}
}

// TestWhatAnotherCallerCollectsIsSent: it finds the Sender asleep as well.
func TestWhatAnotherCallerCollectsIsSent(t *testing.T) {
	q, w := sleeping(t)
	testkit.Repeat(t, "the sender sleeps", func() bool { return w.stage(t) })
	q.Snapshot()
	select {
	case <-q.Drain():
	case <-time.After(testkit.Soon):
		t.Fatal("it is not sent")
	}
	require.EqualValues(t, 1, q.Snapshot().Sent)
}

func TestStagingLeavesHalfTheQueueWhileTheSenderSleeps(t *testing.T) {
	q, w := sleeping(t)
	var allowed Allowance
	testkit.Repeat(t, "the sender sleeps", func() bool {
		q.Snapshot()
		w.mu.Lock()
		defer w.mu.Unlock()
		allowed = w.allowed
		return allowed.Wakes
	})
	require.Equal(t, Allowance{Messages: 50, Bytes: 1 << 19, Each: 100, Wakes: true}, allowed)
	q.mu.Lock()
	defer q.mu.Unlock()
	require.Zero(t, q.allowAsleep(51, 0))
	require.Zero(t, q.allowAsleep(1, 1<<19+1))
}
