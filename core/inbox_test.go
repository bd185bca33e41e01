package core

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// TestOneEnvelopeOfABatchDoesNotHoldAllOfIt: a receiver that turns most away must not
// keep the memory of what it turned away.
func TestOneEnvelopeOfABatchDoesNotHoldAllOfIt(t *testing.T) {
	r, err := NewReceiver("tcp://127.0.0.1:9", "r")
	require.NoError(t, err)
	require.NoError(t, r.Set("on_slow", "ignore"))
	require.NoError(t, r.Accept("wanted"))
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	const batches = 2000
	for range batches {
		b := batch.Get()
		require.NoError(t, wire.Append(b, "topic", []byte(`"wanted"`), []byte(`1`), true))
		for !b.Full() {
			require.NoError(t, wire.Append(b, "topic", []byte(`"other"`), []byte(`1`), true))
		}
		r.deliver(b)
		b.Release()
	}
	require.EqualValues(t, batches, r.Stats().Queued)
	require.Less(t, heap()-before, int64(16<<20), "for %d bytes queued", r.Stats().QueuedBytes)
}
