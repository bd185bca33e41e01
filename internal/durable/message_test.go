package durable

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/backlog"
	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/wire"
)

func TestAnEnvelopeHasOneIDAndEachItsOwn(t *testing.T) {
	var memo wire.StreamMemo
	ids := map[string]bool{}
	for _, topic := range []string{"orders/x", "orders/y"} {
		for _, origin := range []string{"p", "q"} {
			b := envelopes(t, topic, origin, 0, 10)
			for i := range b.Len() {
				rec := backlog.Record{Run: 1, Index: uint64(i), Body: b.Message(i)}
				id := string(appendID(nil, &rec, &memo))
				rec.Run, rec.Index = 2, 99
				require.Equal(t, id, string(appendID(nil, &rec, new(wire.StreamMemo))), "its place does not matter")
				require.False(t, ids[id])
				ids[id] = true
			}
		}
	}
}

func TestWhatHasNoNumberIsKnownByItsPlace(t *testing.T) {
	rec := backlog.Record{Run: 0xfedcba9876543210, Index: 255, Body: []byte{0, 1, 'x'}}
	id := appendID(nil, &rec, new(wire.StreamMemo))
	require.Equal(t, "bfedcba9876543210-ff", string(id))
	run, index, ok := parsePlaceID(id)
	require.True(t, ok)
	require.Equal(t, "fedcba9876543210", run)
	require.Equal(t, uint64(255), index)
	for _, wrong := range []string{"", "b-", "bfedcba9876543210", "efedcba9876543210-ff", "bfedcba9876543210-xyz"} {
		_, _, ok := parsePlaceID([]byte(wrong))
		require.False(t, ok, wrong)
	}
}

func FuzzWellFormed(f *testing.F) {
	f.Add([]byte{0, 1, 'x'})
	f.Add([]byte{1, 1, 'x', 0, 0})
	f.Add([]byte{0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, p []byte) {
		if !wellFormed(p) {
			return
		}
		size := 0
		for _, frame := range batch.Frames(nil, p) {
			size += len(frame)
		}
		require.Less(t, size, len(p))
		var s seen
		s.init()
		s.note(p, p)
	})
}
