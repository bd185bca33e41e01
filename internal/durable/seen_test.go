package durable

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
)

func TestSpansKnowWhichNumbersWereSeen(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		var v spans
		known := map[uint32]bool{}
		for range 300 {
			n := random.Uint32N(100)
			if known[n] != v.add(n) {
				t.Fatalf("number %d: %v", n, v.all)
			}
			known[n] = true
		}
		for i := 1; i < len(v.all); i++ {
			require.Greater(t, v.all[i].first, v.all[i-1].last+1, "%v", v.all)
		}
	}
}

func TestNumbersInOrderTakeOneSpan(t *testing.T) {
	var v spans
	for n := range uint32(10_000) {
		require.False(t, v.add(n))
	}
	require.Len(t, v.all, 1)
	require.True(t, v.add(5000))
}

func TestSpansAreBounded(t *testing.T) {
	var v spans
	for n := range uint32(10_000) {
		require.False(t, v.add(3*n))
		require.LessOrEqual(t, len(v.all), maxSpans)
	}
	require.True(t, v.add(3*9_990), "a new one is known")
	require.False(t, v.add(3*9_990+1), "and what is missing beside it")
	require.True(t, v.add(1), "what is old counts as seen")
}

func TestNumbersThatWrapAroundBeginAnew(t *testing.T) {
	var v spans
	require.False(t, v.add(1<<32-2))
	require.False(t, v.add(1<<32-1))
	require.False(t, v.add(0))
	require.False(t, v.add(1))
	require.True(t, v.add(1))
}

func TestEnvelopesAreKnownByTopicOriginRunAndNumber(t *testing.T) {
	var s seen
	s.init()
	first := envelopes(t, "orders/x", "p", 0, 3)
	for i := range first.Len() {
		require.False(t, s.note(first.Message(i), nil))
	}
	require.True(t, s.note(first.Message(1), []byte("any id")))
	for _, other := range []*batch.Batch{envelopes(t, "orders/y", "p", 1, 2), envelopes(t, "orders/x", "q", 1, 2)} {
		require.False(t, s.note(other.Message(0), nil))
	}
	raw := []byte{0, 1, 'x'}
	require.False(t, s.note(raw, nil), "it has no number, and no id")
	require.False(t, s.note(raw, nil))
	id := appendPlaceID(nil, 0xabc, 7)
	require.False(t, s.note(raw, id))
	require.True(t, s.note(raw, id))
	require.False(t, s.note(raw, appendPlaceID(nil, 0xabc, 8)))
}
