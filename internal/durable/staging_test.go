package durable

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/backlog"
)

func TestWhatHasNoRoomInMemoryIsCounted(t *testing.T) {
	var g staging
	g.init(3, 10)
	require.True(t, g.put([]byte("12345"), false))
	require.False(t, g.put([]byte("123456"), false), "bytes")
	require.True(t, g.put([]byte("1"), false))
	require.True(t, g.put([]byte("2"), false))
	require.False(t, g.put([]byte("3"), false), "messages")
	c, closed := g.take()
	var free [backlog.Room]byte
	require.Equal(t, string(free[:])+"12345"+string(free[:])+"1"+string(free[:])+"2", string(c.buf))
	require.Len(t, c.ends, 3)
	require.False(t, closed)
	require.False(t, g.put([]byte("3"), false), "the writer still has three")
	g.written(c)
	require.True(t, g.put([]byte("3"), false))
	messages, bytes, taken, dropped := g.stats()
	require.Equal(t, []uint64{1, 1, 7, 3}, []uint64{uint64(messages), uint64(bytes), taken, dropped})
}
