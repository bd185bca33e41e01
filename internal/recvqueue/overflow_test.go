package recvqueue

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/queue"
)

// TestTakingFromAConflatedQueueLeavesNothingBehind: what is taken of big envelopes is less
// than asked for, and the next big one must not be pushed out by what is left.
func TestTakingFromAConflatedQueueLeavesNothingBehind(t *testing.T) {
	data := `"` + strings.Repeat("x", 100<<10) + `"`
	q, bound := bounded(1000, 4<<20)
	q.Open(queue.LatestPerTopic)
	for i := range 60 {
		put(t, q, envelope{strconv.Itoa(i), data})
	}
	require.True(t, q.conflating.on)
	var d Taken
	require.Equal(t, Took, q.Take(&d, 13, 0))
	d.Release()
	require.True(t, q.conflating.on)
	require.Empty(t, q.chunks.list)
	bound.Store(&queue.Bound{Messages: 1000, Bytes: 200 << 10})
	put(t, q, envelope{"newest", data})
	put(t, q, envelope{"newest too", data})
	for q.Take(&d, 1, 0) == Took {
		if q.Stats().Queued == 0 {
			require.Contains(t, text(&d), "newest too=")
		}
		d.Release()
	}
}
