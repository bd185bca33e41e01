package streamtable

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// batchOf goes through a batch of n messages of which the caller does not remember so many, and
// reports whether the Keys were there beforehand.
func batchOf(t *testing.T, a *Ahead, n, missed int) (ready bool) {
	h := NewHash()
	var table Table
	if ready = a.Begin(n); ready {
		for i := range n {
			a.Add(h.Key(fmt.Append(nil, i)))
		}
		a.Fetch(&table)
	}
	for i := range n {
		k, ok := a.Key(i)
		require.Equal(t, ready, ok)
		if ready {
			require.Equal(t, h.Key(fmt.Append(nil, i)), k)
		} else if i < missed {
			a.Missed()
		}
	}
	a.End(n)
	return ready
}

func TestKeysAreReadyWhereABatchIsOfManyStreams(t *testing.T) {
	var a Ahead
	require.False(t, batchOf(t, &a, 100, 10))
	require.False(t, batchOf(t, &a, 100, 90), "that is seen only now")
	require.True(t, batchOf(t, &a, 100, 90))
	require.False(t, batchOf(t, &a, 3, 3), "it is too small to be worth it")
	require.True(t, batchOf(t, &a, 100, 90))
}

func TestKeysAreNotReadyForGood(t *testing.T) {
	var a Ahead
	batchOf(t, &a, 100, 100)
	n := 0
	for batchOf(t, &a, 100, 0) {
		n++
	}
	require.Equal(t, tryAgain, n)
	for range 100 {
		require.False(t, batchOf(t, &a, 100, 0))
	}
}
