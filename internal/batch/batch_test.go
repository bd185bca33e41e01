package batch

import (
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
