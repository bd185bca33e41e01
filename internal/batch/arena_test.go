package batch

import (
	"testing"

	"github.com/stretchr/testify/require"
)

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
