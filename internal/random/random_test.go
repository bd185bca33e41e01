package random

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNumbersDiffer(t *testing.T) {
	seen, low := map[uint64]bool{}, map[uint32]bool{}
	for range 1000 {
		seen[Uint64()] = true
		low[Uint32()] = true
	}
	require.Len(t, seen, 1000)
	require.Greater(t, len(low), 990)
}
