package batch

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMessagesComeOutAsTheyWentIn(t *testing.T) {
	b := Get()
	defer b.Release()
	messages := [][]string{{""}, {"a", "", "c"}, {strings.Repeat("x", 255), strings.Repeat("y", 256)}, {strings.Repeat("z", 1<<20)}}
	for _, m := range messages {
		for i, f := range m {
			b.AppendFrame([]byte(f), i < len(m)-1)
		}
	}
	require.Equal(t, len(messages), b.Len())
	require.Equal(t, len(b.Buf), b.Size())
	for i, want := range messages {
		var got []string
		for _, f := range Frames(nil, b.Message(i)) {
			got = append(got, string(f))
		}
		require.Equal(t, want, got)
		require.Equal(t, want[0], string(Topic(b.Message(i))))
	}
}

func TestTheFramingIsThatOfZMTP(t *testing.T) {
	require.Equal(t, []byte{0, 5}, AppendHeader(nil, 5, false))
	require.Equal(t, []byte{1, 255}, AppendHeader(nil, 255, true))
	require.Equal(t, []byte{2, 0, 0, 0, 0, 0, 0, 1, 0}, AppendHeader(nil, 256, false))
	require.Equal(t, []byte{3, 0, 0, 0, 0, 0, 1, 0, 0}, AppendHeader(nil, 1<<16, true))
	for _, n := range []int{0, 255, 256, 1 << 30} {
		require.Len(t, AppendHeader(nil, n, false), HeaderSize(n))
	}
}

func TestAbandonForgetsOnlyTheMessageBegun(t *testing.T) {
	b := Get()
	defer b.Release()
	b.AppendFrame([]byte("begun"), true)
	b.Abandon()
	require.Zero(t, b.Size())
	b.AppendFrame([]byte("whole"), false)
	b.AppendFrame([]byte("begun"), true)
	b.Abandon()
	require.Equal(t, 1, b.Len())
	require.Equal(t, b.Ends[0], b.Size())
}

func TestABatchIsRecycledByItsLastOwner(t *testing.T) {
	b := Get()
	b.AppendMessage([]byte{0, 1, 'x'})
	b.Retain()
	b.Release()
	require.Equal(t, []byte{0, 1, 'x'}, b.Message(0), "it still has an owner")
	b.Release()
	require.Zero(t, b.Len(), "it is empty for its next owner")
}

func TestHugeArenasAreNotKept(t *testing.T) {
	b := Get()
	b.AppendFrame(make([]byte, keepBytes+1), false)
	b.Release()
	for range 100 {
		next := Get()
		require.LessOrEqual(t, cap(next.Buf), keepBytes)
		defer next.Release()
	}
}

func TestABatchThatIsFullSaysSo(t *testing.T) {
	var b Batch
	require.False(t, b.Full())
	for range TargetMessages {
		b.AppendFrame(nil, false)
	}
	require.True(t, b.Full())
	b.Reset()
	b.AppendFrame(make([]byte, TargetBytes), false)
	require.True(t, b.Full())
}

func FuzzNextFrame(f *testing.F) {
	f.Add([]byte{0, 1, 'a'})
	f.Add([]byte{3, 0, 0, 0, 0, 0, 0, 0, 1, 'a', 0, 0})
	f.Add([]byte{2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, p []byte) {
		body, rest, more, ok := NextFrame(p)
		if !ok {
			require.Nil(t, body)
			return
		}
		require.LessOrEqual(t, len(body)+len(rest)+ShortHeader, len(p))
		require.True(t, bytes.HasSuffix(p, rest))
		again, rest2, more2, ok := NextFrame(append(AppendHeader(nil, len(body), more), body...))
		require.True(t, ok)
		require.Equal(t, body, again)
		require.Equal(t, more, more2)
		require.Empty(t, rest2)
	})
}

func TestArenasHaveRoomAndAreUsedAgain(t *testing.T) {
	for _, size := range []int{0, 1, arenaBytes, arenaBytes + 1, 1<<17 - 1, 1 << 17, 1<<17 + 1, 3 << 17, 1<<20 - 1, 1 << 20, 1<<20 + 1, 5 << 20, 1 << 26, 1<<26 + 1} {
		a := Arena(size)
		require.Empty(t, a)
		require.GreaterOrEqual(t, cap(a), size)
		require.LessOrEqual(t, cap(a), max(size+size/4, 1<<17), "%d", size)
		rounded, class := sizeOf(cap(a))
		require.Equal(t, size > arenaBytes && size <= 1<<26, class >= 0, "%d", size)
		if class >= 0 {
			require.Equal(t, cap(a), rounded, "what is given is taken back")
			require.Less(t, class, len(bigArenas))
		}
		Recycle(a)
	}
}

func TestABigMessageDoesNotKeepItsMemory(t *testing.T) {
	b := Get()
	b.AppendFrame(make([]byte, 10<<20), false)
	b.Release()
	for range 200 {
		b := Get()
		require.LessOrEqual(t, cap(b.Buf), keepBytes)
		defer b.Release()
	}
}
