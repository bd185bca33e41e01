package zmtp

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWholeFramesAreEncryptedAPieceAtATime(t *testing.T) {
	client, server := sealedKeys(t)
	x := curveOutput{&client.Out}
	sink := &plainSink{}
	r := &cipherReader{next: sink, open: &server.In, limit: 1 << 20}
	queue := bytes.Repeat(mixed(), 5)
	want := bytes.Clone(queue)
	pieces := 0
	for len(queue) > 0 {
		arena, plain, err := x.encrypt([][]byte{queue})
		require.NoError(t, err)
		require.Positive(t, plain)
		require.NoError(t, preload(r, bytes.Clone(arena.Buf)))
		queue = queue[plain:]
		arena.Release()
		pieces++
	}
	require.True(t, bytes.Equal(want, sink.got))
	require.Greater(t, pieces, 5, "big frames fill an arena of their own")
}

func TestEncryptedSendingAllocatesNothing(t *testing.T) {
	client, _ := sealedKeys(t)
	x := curveOutput{&client.Out}
	ranges := [][]byte{numbered("yes", 0, 100).Buf}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		arena, _, _ := x.encrypt(ranges)
		arena.Release()
	}))
}
