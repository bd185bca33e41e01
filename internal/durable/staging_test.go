package durable

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatHasNoRoomInMemoryIsCounted(t *testing.T) {
	var g staging
	g.init(3, 10)
	require.True(t, g.put([]byte("12345")))
	require.False(t, g.put([]byte("123456")), "bytes")
	require.True(t, g.put([]byte("1")))
	require.True(t, g.put([]byte("2")))
	require.False(t, g.put([]byte("3")), "messages")
	buf, ends, closed := g.take(nil, nil)
	require.Equal(t, "1234512", string(buf))
	require.Len(t, ends, 3)
	require.False(t, closed)
	require.False(t, g.put([]byte("3")), "the writer still has three")
	g.written()
	require.True(t, g.put([]byte("3")))
	messages, bytes, taken, dropped := g.stats()
	require.Equal(t, []uint64{1, 1, 7, 3}, []uint64{uint64(messages), uint64(bytes), taken, dropped})
}
