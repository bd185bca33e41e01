package zmtp

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWholeFramesAreEncryptedAPieceAtATime(t *testing.T) {
	client, server := sealedKeys(t)
	x := &sealedOutput{seal: &client.Out}
	sink := &plainSink{}
	r := &cipherReader{next: sink, open: &server.In, limit: 1 << 20}
	queue := bytes.Repeat(mixed(), 5)
	want := bytes.Clone(queue)
	pieces := 0
	for len(queue) > 0 {
		x.ranges = append(x.ranges[:0], queue)
		x.encrypt()
		require.Positive(t, x.plain)
		require.NoError(t, preload(r, bytes.Clone(x.arena.Buf)))
		queue = queue[x.plain:]
		x.arena.Release()
		x.arena, x.plain = nil, 0
		pieces++
	}
	require.True(t, bytes.Equal(want, sink.got))
	require.Greater(t, pieces, 5, "big frames fill an arena of their own")
}

func TestEncryptedSendingAllocatesNothing(t *testing.T) {
	client, _ := sealedKeys(t)
	x := &sealedOutput{seal: &client.Out}
	plain := numbered("yes", 0, 100).Buf
	require.Zero(t, testing.AllocsPerRun(100, func() {
		x.ranges = append(x.ranges[:0], plain)
		x.encrypt()
		x.arena.Release()
		x.arena, x.plain = nil, 0
	}))
}
