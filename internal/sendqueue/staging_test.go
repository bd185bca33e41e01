package sendqueue

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/queue"
)

// watchedStager is a staging buffer to which nothing is written; it keeps what might be.
type watchedStager struct {
	allowed  Allowance
	collects int
}

func (w *watchedStager) Open(_, _ []byte) bool { w.allowed = Allowance{}; return true }
func (w *watchedStager) Close()                {}
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
