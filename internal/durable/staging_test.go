package durable

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"

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

func TestWhatPublishersRetainIsTakenWithoutRoom(t *testing.T) {
	s := &Site{}
	g := &s.staging
	g.init(1, 1000)
	s.prefixes.Add([]byte("d"))
	b := batch.Get()
	defer b.Release()
	b.AppendFrame([]byte("d"), false)
	s.AwaitRoom(b)
	require.True(t, g.put([]byte("1"), true))
	require.False(t, g.put([]byte("2"), false))
	require.True(t, g.put([]byte("3"), true))
	require.Equal(t, [2]uint64{2, 0}, [2]uint64{s.Given(), s.Stored()})

	other := batch.Get()
	defer other.Release()
	other.AppendFrame([]byte("e"), false)
	s.AwaitRoom(other) // nothing of it is durable
	for _, end := range []func(){
		func() { c, _ := g.take(); g.written(c) },
		func() { s.EndWaits(true) },
		func() { g.close() },
	} {
		over := make(chan struct{})
		go func() { s.AwaitRoom(b); close(over) }()
		end()
		<-over
		s.EndWaits(false)
		g.put([]byte("4"), true)
	}
	require.EqualValues(t, 2, s.Stored(), "after the end nothing is stored")
	require.False(t, g.put([]byte("5"), true))
	require.EqualValues(t, 2, s.Stored())
}
