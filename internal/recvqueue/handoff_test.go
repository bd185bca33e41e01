package recvqueue

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/queue"
)

// thread is a handoff with a thread that waits, or does not.
type thread struct {
	waits, refuses, quiet, empty, last, dropped bool

	got   []string
	wakes int
}

func (h *thread) Waits() bool { return h.waits }
func (h *thread) Quiet() bool { return h.quiet }
func (h *thread) Wake()       { h.wakes++; h.empty = false }
func (h *thread) Empty(long bool) {
	h.empty, h.quiet = true, h.quiet || long
}
func (h *thread) Drop() { h.dropped = true }

func (h *thread) Hand(t *Taken, last bool) bool {
	h.waits = false
	if h.refuses {
		return false
	}
	var v View
	t.Look(0, &v)
	h.got, h.last = append(h.got, string(v.Data)), last
	return true
}

func handing(t *testing.T) (*Queue, *thread, *counter) {
	t.Helper()
	q, _ := bounded(10, 1<<20)
	h, c := &thread{}, &counter{}
	q.SetHandoff(h)
	q.SetWaker(c)
	q.Open(queue.DropNew)
	return q, h, c
}

func TestAThreadThatWaitsGetsTheOldestEnvelope(t *testing.T) {
	q, h, c := handing(t)
	h.waits = true
	put(t, q, envelope{"t", "1"})
	require.Equal(t, []string{"1"}, h.got)
	require.True(t, h.last)
	require.Zero(t, c.woken, "no other thread has anything to take")
	require.EqualValues(t, 1, q.Stats().Delivered)
	require.Zero(t, q.Stats().Queued)

	h.waits = true
	put(t, q, envelope{"t", "2"}, envelope{"t", "3"})
	require.Equal(t, []string{"1", "2"}, h.got)
	require.False(t, h.last)
	require.Equal(t, 1, c.woken)
	require.EqualValues(t, 1, q.Stats().Queued)
	put(t, q, envelope{"t", "4"}) // the thread does not wait
	var d Taken
	require.Equal(t, Took, q.Take(&d, 10, 0))
	require.Equal(t, 2, d.Len())
	d.Release()
	require.EqualValues(t, 4, q.Stats().Delivered)
}

func TestWhatCannotBeHandedOffIsQueued(t *testing.T) {
	q, h, c := handing(t)
	h.waits, h.refuses = true, true
	put(t, q, envelope{"t", "1"})
	require.Empty(t, h.got)
	require.EqualValues(t, 1, q.Stats().Queued)
	require.Equal(t, 1, c.woken)
}

func TestAHandoffIsExpectedAfterLongWaitsOnly(t *testing.T) {
	q, h, _ := handing(t)
	require.False(t, q.ExpectHandoff(false))
	require.True(t, q.ExpectHandoff(true))
	require.True(t, h.empty)
	require.True(t, q.ExpectHandoff(false), "the last wait was a long one")
	put(t, q, envelope{"t", "1"})
	require.False(t, h.empty, "the thread is told that there is something")
	require.False(t, q.ExpectHandoff(true))
	var d Taken
	require.Equal(t, Took, q.Take(&d, 1, 0))
	d.Release()
	require.True(t, q.ExpectHandoff(true))
	q.Close()
	require.False(t, h.empty)
	require.False(t, q.ExpectHandoff(true))
	q.Dispose()
	require.True(t, h.dropped)
}
