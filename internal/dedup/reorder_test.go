package dedup

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheLowestNumberComesFirst(t *testing.T) {
	for _, first := range []uint32{0, 1<<32 - 50} { // numbers wrap around
		var h reorderBuffer[int]
		for _, i := range rand.Perm(100) {
			h.push(Copy[int]{Number: first + uint32(i), Value: i})
		}
		for i := range 100 {
			c := h.pop()
			require.Equal(t, i, c.Value)
			require.Equal(t, first+uint32(i), c.Number)
		}
		require.Nil(t, h, "an empty buffer holds no memory")
	}
}
