package recvqueue

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/queue"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

func TestATakerIsWoken(t *testing.T) {
	q, _ := bounded(10, 1<<20)
	q.Open(queue.DropNew)
	results := make(chan Outcome)
	for range 3 {
		go func() {
			var d Taken
			defer d.Release()
			results <- q.Take(&d, 1, -1)
		}()
	}
	put(t, q, envelope{"t", "1"}, envelope{"t", "2"})
	for range 2 {
		require.Equal(t, Took, testkit.Receive(t, results, "two that take"))
	}
	q.Close()
	require.Equal(t, Ended, testkit.Receive(t, results, "the third"))
	var d Taken
	require.Equal(t, Ended, q.Take(&d, 1, -1))
	q.Open(queue.DropNew)
	require.Equal(t, TimedOut, q.Take(&d, 1, time.Millisecond))
}
