package lru

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAKeyInUseIsKept(t *testing.T) {
	table := Table[int]{MaxKeys: 10, MaxBytes: 1 << 20}
	v, known, _ := table.Find([]byte("used"))
	require.False(t, known)
	*v = 7
	for i := range 1000 {
		_, _, _ = table.Find(fmt.Append(nil, i))
		if i%5 == 0 {
			v, known, _ := table.Find([]byte("used"))
			require.True(t, known)
			require.Equal(t, 7, *v)
		}
		require.LessOrEqual(t, table.Len(), 20)
	}
	_, known, _ = table.Find([]byte("0"))
	require.False(t, known, "it was not used for two generations")
}

func TestLongKeysAreForgottenSooner(t *testing.T) {
	table := Table[int]{MaxKeys: 1000, MaxBytes: 100}
	turns := 0
	for i := range 50 {
		_, known, turned := table.Find(fmt.Appendf(nil, "%030d", i))
		require.False(t, known)
		require.LessOrEqual(t, table.Bytes(), 100)
		if turned {
			turns++
		}
	}
	require.Equal(t, 17, turns, "three keys of 30 bytes in each generation")
	table.Reset()
	require.Zero(t, table.Len())
}

func TestAKeptKeySurvivesTurns(t *testing.T) {
	table := Table[int]{MaxKeys: 2, MaxBytes: 1 << 20}
	kept, _, _ := table.Find([]byte("kept"))
	for i := range 100 {
		if _, _, turned := table.Find(fmt.Append(nil, i)); turned {
			table.Keep("kept", kept)
		}
	}
	v, known, _ := table.Find([]byte("kept"))
	require.True(t, known)
	require.Same(t, kept, v)
	table.Keep("kept", kept) // twice is once
	require.LessOrEqual(t, table.Len(), 6)
}
