package zmtp

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
)

func TestTheRingKeepsWhatIsNewest(t *testing.T) {
	var r recentRing
	r.init(recentBytes, recentChunk)
	h := &memoryHistory{}
	r.add(envelopes(t, "kept", "o", 0, 10), h)
	require.Zero(t, r.cursor(), "nothing is kept without a user")
	r.begin()
	big := &batch.Batch{}
	big.AppendFrame([]byte(`"kept"`), true)
	big.AppendFrame(make([]byte, 3*recentChunk), false)
	all := 0
	for r.oldest() == 0 {
		r.add(envelopes(t, "kept", "o", all, all+1000), h)
		r.add(envelopes(t, "other", "o", 0, 10), h)
		r.add(big, h)
		all += 1001
		require.EqualValues(t, all, r.cursor())
		require.LessOrEqual(t, r.bytes, recentBytes)
	}
	_, slid := r.read(0)
	require.True(t, slid)
	next, count := r.oldest(), 0
	for {
		m, slid := r.read(next)
		require.False(t, slid)
		if len(m.ends) == 0 {
			break
		}
		size := 0
		m.each(func(msg []byte) {
			require.Equal(t, `"kept"`, string(batch.Topic(msg)))
			size += len(msg)
			count++
		})
		require.Equal(t, size, m.size())
		next = m.after()
	}
	require.EqualValues(t, all, next)
	require.EqualValues(t, r.cursor()-r.oldest(), count)
	m, _ := r.read(r.cursor() - 1)
	require.Len(t, m.ends, 1)
	r.end()
	require.Zero(t, r.bytes)
	require.EqualValues(t, all, r.cursor(), "cursors stay true")
}
