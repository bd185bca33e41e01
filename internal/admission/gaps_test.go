package admission

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/streamtable"
	"github.com/hermes-zmq/hermes/internal/wire"
)

func newGapDetector() *gapDetector {
	g := &gapDetector{}
	g.reset()
	return g
}

func seq(incarnation uint16, number uint32) wire.Sequence {
	return wire.Sequence{Incarnation: incarnation, Number: number}
}

func TestGapsTellWhatIsMissing(t *testing.T) {
	g := newGapDetector()
	at := func(topic string, n uint32) (uint32, bool) {
		return g.note(0, &wire.Parts{Names: []byte(topic), Sequence: seq(7, n)})
	}
	for _, c := range []struct {
		topic     string
		n, lost   uint32
		duplicate bool
	}{
		{`"a"`, 1000, 0, false}, // a late joiner is no gap
		{`"a"`, 1001, 0, false},
		{`"b"`, 5, 0, false}, // another stream
		{`"a"`, 1005, 3, false},
		{`"a"`, 1005, 0, true},
		{`"a"`, 1002, 0, true},
		{`"a"`, 1006, 0, false},
		{`"b"`, 6, 0, false},
		{`"w"`, 0xffffffff, 0, false},
		{`"w"`, 1, 1, false}, // numbers wrap around
	} {
		lost, duplicate := at(c.topic, c.n)
		require.Equal(t, c.lost, lost, "%s %d", c.topic, c.n)
		require.Equal(t, c.duplicate, duplicate, "%s %d", c.topic, c.n)
	}
	lost, duplicate := g.note(0, &wire.Parts{Names: []byte(`"a"`), Sequence: seq(8, 0)})
	require.Zero(t, lost, "a publisher that restarts is no gap")
	require.False(t, duplicate)
	g.reset()
	lost, _ = at(`"a"`, 2000)
	require.Zero(t, lost)
}

func TestStreamsSeenLastAreToldApart(t *testing.T) {
	g := newGapDetector()
	at := func(stream uint64, topic string, incarnation uint16, n uint32) uint32 {
		lost, duplicate := g.note(0, &wire.Parts{Stream: stream, Names: []byte(topic), Sequence: seq(incarnation, n)})
		require.False(t, duplicate, "%d %s %d %d", stream, topic, incarnation, n)
		return lost
	}
	other := uint64(1 + len(g.recent)) // has the same slot
	for i := range uint32(3) {
		first := i == 0
		require.Equal(t, first, at(1, `"a"`, 7, 10+2*i) == 0)
		require.Equal(t, first, at(other, `"b"`, 7, 20+2*i) == 0)
		require.Equal(t, first, at(0, `"c"`, 7, 30+2*i) == 0)
		require.Equal(t, first, at(0, `"d"`, 7, 40+2*i) == 0)
	}
	require.Zero(t, at(1, `"a"`, 8, 0), "another incarnation")
	require.EqualValues(t, 5, at(1, `"a"`, 8, 6))
	require.EqualValues(t, 1, at(0, `"a"`, 8, 8), "the same, found in the table")
	require.EqualValues(t, 2, at(1, `"a"`, 8, 11))
}

func TestForgottenStreamsAreNeitherGapsNorDuplicates(t *testing.T) {
	const most = 1000
	g := newGapDetector()
	g.streams = streamtable.NewGenerations(most)
	for round := range uint32(3) {
		for i := range 2*most + 10 {
			lost, duplicate := g.note(0, &wire.Parts{Names: fmt.Appendf(nil, `"%d"`, i), Sequence: seq(0, round*5)})
			if lost != 0 || duplicate {
				require.Fail(t, "a conclusion about a stream that was forgotten", "round %d topic %d: %d %v", round, i, lost, duplicate)
			}
		}
	}
	require.LessOrEqual(t, g.streams.Len(), 2*most)
}

func TestGapsOfManyStreamsAreFoundAsThoseOfFew(t *testing.T) {
	g := newGapDetector()
	next := map[string]uint32{}
	memo := new(wire.StreamMemo)
	for range 200 {
		b := new(batch.Batch)
		few := rand.IntN(2) == 0
		var skipped []uint32
		for range 100 {
			topic, incarnation := fmt.Sprint(rand.IntN(20_000)), uint16(rand.IntN(3))
			if few {
				topic = fmt.Sprint(rand.IntN(3))
			}
			stream := fmt.Sprint(topic, incarnation)
			number, known := next[stream]
			skip := rand.Uint32N(3)
			require.NoError(t, wire.Append(b, topic, []byte(`"o"`), []byte(`1`), true))
			wire.Number(b, b.Len()-1, seq(incarnation, number+skip))
			next[stream] = number + skip + 1
			if !known {
				skip = 0
			}
			skipped = append(skipped, skip)
		}
		b.AppendMessage([]byte{1}) // no envelope, which admission does not note
		g.begin(b)
		for i, want := range skipped {
			p, err := wire.Split(b.Message(i), memo)
			require.NoError(t, err)
			lost, duplicate := g.note(i, &p)
			require.False(t, duplicate)
			require.Equal(t, want, lost)
		}
		g.end(b)
	}
	require.Equal(t, len(next), g.streams.Len())
}
