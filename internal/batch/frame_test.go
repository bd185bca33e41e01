package batch

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheFramingIsThatOfZMTP(t *testing.T) {
	require.Equal(t, []byte{0, 5}, AppendHeader(nil, 5, false))
	require.Equal(t, []byte{1, 255}, AppendHeader(nil, 255, true))
	require.Equal(t, []byte{2, 0, 0, 0, 0, 0, 0, 1, 0}, AppendHeader(nil, 256, false))
	require.Equal(t, []byte{3, 0, 0, 0, 0, 0, 1, 0, 0}, AppendHeader(nil, 1<<16, true))
	for _, n := range []int{0, 255, 256, 1 << 30} {
		require.Len(t, AppendHeader(nil, n, false), HeaderSize(n))
	}
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
