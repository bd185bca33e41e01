package mcap

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMessagesOfSeveralFilesComeByTime(t *testing.T) {
	a, fromA := example(t, 3, 20, Zstd)
	b, fromB := example(t, 2, 30, None)
	got := all(t, Query{}, read(t, a), read(t, b))
	require.Len(t, got, len(fromA)+len(fromB))
	for i, m := range fromA { // both have the same times
		require.Equal(t, m, got[2*i])
		require.Equal(t, fromB[i], got[2*i+1])
	}
}

func TestAQueryTakesAPart(t *testing.T) {
	file, messages := example(t, 4, 25, Zstd)
	f := read(t, file)
	require.Equal(t, messages[10:31], all(t, Query{From: 1100, To: 1310}, f))
	require.Equal(t, messages[90:], all(t, Query{From: 1900}, f))
	for _, m := range all(t, Query{Want: func(c *Channel) bool { return c.Topic == "ticks/2" }}, f) {
		require.EqualValues(t, 2, m.Channel)
	}
	for range Messages([]*File{f}, Query{}) {
		break // a caller may end early
	}
}

// TestChunksOfOneTimeThatDoNotFitIntoMemoryAreAnError: a small file may name many large ones, or one of them often.
func TestChunksOfOneTimeThatDoNotFitIntoMemoryAreAnError(t *testing.T) {
	before := mostHeld
	t.Cleanup(func() { mostHeld = before })
	mostHeld = 4096
	file, messages := example(t, 4, 25, Zstd)
	f := read(t, file)
	require.Equal(t, messages, all(t, Query{}, f), "chunks that come one after the other")
	one := f.Chunks[0]
	for range 100 {
		f.Chunks = append(f.Chunks, one)
	}
	var err error
	for _, err = range Messages([]*File{f}, Query{}) {
		if err != nil {
			break
		}
	}
	require.ErrorContains(t, err, "do not fit into memory")
	count := 0
	for _, err := range Messages([]*File{f}, Query{AsWritten: true}) {
		require.NoError(t, err)
		count++
	}
	require.Greater(t, count, len(messages))
}
