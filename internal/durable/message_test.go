package durable

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/backlog"
	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/wire"
)

func TestAnEnvelopeHasOneIDAndEachItsOwn(t *testing.T) {
	ids := map[string]bool{}
	for _, topic := range []string{"orders/x", "orders/y"} {
		for _, origin := range []string{"p", "q"} {
			b := envelopes(t, topic, origin, 0, 10)
			for i := range b.Len() {
				rec := backlog.Record{Run: 1, Index: uint64(i), Body: b.Message(i)}
				id := string(appendID(nil, &rec))
				rec.Run, rec.Index = 2, 99
				require.Equal(t, id, string(appendID(nil, &rec)), "its place does not matter")
				require.False(t, ids[id])
				ids[id] = true
			}
		}
	}
}

func TestWhatHasNoNumberIsKnownByItsPlace(t *testing.T) {
	rec := backlog.Record{Run: 0xfedcba9876543210, Index: 255, Body: []byte{0, 1, 'x'}}
	id := appendID(nil, &rec)
	require.Equal(t, "bfedcba9876543210-ff", string(id))
	run, index, ok := parsePlaceID(id)
	require.True(t, ok)
	require.Equal(t, "fedcba9876543210", run)
	require.Equal(t, uint64(255), index)
	for _, wrong := range []string{"", "b-", "bfedcba9876543210", "efedcba9876543210-ff", "bfedcba9876543210-xyz"} {
		_, _, ok := parsePlaceID([]byte(wrong))
		require.False(t, ok, wrong)
	}
}

func TestOnlyEnvelopesHaveNumbers(t *testing.T) {
	b := envelopes(t, "orders/x", "p", 5, 6)
	want := wire.Sequence{Incarnation: 7, Number: 5}
	seq, ok := sequenceOf(b.Message(0))
	require.True(t, ok)
	require.Equal(t, want, seq)
	at, _ := wire.TimeAt(b.Message(0))
	seq, ok = sequenceOf(wire.AppendMarked(nil, b.Message(0), at))
	require.True(t, ok, "one of a cache is the same envelope")
	require.Equal(t, want, seq)
	padded := batch.Get()
	padded.AppendFrame([]byte(`"orders/x"`), true)
	padded.AppendFrame([]byte("text"+strings.Repeat(" ", 40)), false)
	_, ok = sequenceOf(padded.Message(0))
	require.False(t, ok)
}

func FuzzWellFormed(f *testing.F) {
	f.Add([]byte{0, 1, 'x'})
	f.Add([]byte{1, 1, 'x', 0, 0})
	f.Add([]byte{0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, p []byte) {
		if !wellFormed(p) {
			return
		}
		size := 0
		for _, frame := range batch.Frames(nil, p) {
			size += len(frame)
		}
		require.Less(t, size, len(p))
		var s seen
		s.init()
		s.note(p, p)
	})
}

// Receivers take a command for one of the post office, and leave it where they do not know a flag.
func TestOnlyWholeMessagesWithoutCommandsAreWellFormed(t *testing.T) {
	topic := append([]byte{batch.FlagMore, 10}, `"orders/x"`...)
	require.True(t, wellFormed(append(topic[:12:12], 0, 1, '1')))
	require.True(t, wellFormed(append(topic[:12:12], batch.FlagLong, 0, 0, 0, 0, 0, 0, 0, 1, '1')))
	reached := append([]byte{batch.FlagCommand, 16, 14}, "HERMES-REACHED9"...)
	for name, wrong := range map[string][]byte{
		"nothing":              nil,
		"no last frame":        topic,
		"a frame that is cut":  topic[:8],
		"two messages":         append(topic[:12:12], 0, 0, 0, 0),
		"a command":            append([]byte{batch.FlagCommand, 10}, topic[2:]...),
		"a command as a frame": append(topic[:12:12], reached...),
		"a reserved flag":      append(topic[:12:12], 0x80, 1, '1'),
		"too many frames":      append(bytes.Repeat([]byte{batch.FlagMore, 0}, maxFrames), 0, 0),
	} {
		require.False(t, wellFormed(wrong), name)
	}
}
