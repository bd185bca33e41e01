package recvqueue

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/queue"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// TestOneEnvelopeOfABatchDoesNotHoldAllOfIt: a receiver that turns most away must not
// keep the memory of what it turned away.
func TestOneEnvelopeOfABatchDoesNotHoldAllOfIt(t *testing.T) {
	q, _ := bounded(1<<40, 1<<40)
	q.Open(queue.DropNew)
	before := baseline()
	const batches = 2000
	for range batches {
		b, s := batchOf(t, envelope{"topic", "1"})
		for !b.Full() {
			require.NoError(t, wire.Append(b, "topic", []byte(`"other"`), []byte(`1`), true))
		}
		_, _ = q.Put(b, s)
		b.Release()
	}
	require.EqualValues(t, batches, q.Stats().Queued)
	require.Less(t, heap()-before, int64(16<<20), "for %d bytes queued", q.Stats().QueuedBytes)
}
