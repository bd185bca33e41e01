//go:build !race

package batch

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestBigMessagesAllocateNothing: as many as one likes take one arena of the usual size, and one
// big one. The race detector makes pools forget, so it is not for its builds; those with the tag
// invariants run it.
func TestBigMessagesAllocateNothing(t *testing.T) {
	body := make([]byte, 1<<20)
	one := func() {
		b := Get()
		b.AppendFrame(body, false)
		b.Release()
	}
	one()
	result := testing.Benchmark(func(b *testing.B) {
		for range b.N {
			one()
		}
	})
	require.LessOrEqual(t, testing.AllocsPerRun(200, one), 2.0)
	require.Less(t, result.AllocedBytesPerOp(), int64(arenaBytes/2))
}

func TestArenasOfTheUsualSizeAreUsedAgain(t *testing.T) {
	for _, size := range []int{TargetBytes, arenaBytes} {
		require.Less(t, testing.AllocsPerRun(200, func() { Recycle(Arena(size)) }), 0.5, "%d bytes", size)
	}
}
