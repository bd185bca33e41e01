package core

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/wire"
)

func TestStreamsTellWhatIsMissing(t *testing.T) {
	var s streams
	at := func(topic string, n uint32) (uint32, bool) {
		return s.note(&wire.Parts{Origin: []byte(`"o"`), Topic: []byte(topic), Sequence: wire.Sequence{Incarnation: 7, Number: n}})
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
	lost, duplicate := s.note(&wire.Parts{Origin: []byte(`"o"`), Topic: []byte(`"a"`), Sequence: wire.Sequence{Incarnation: 8, Number: 0}})
	require.Zero(t, lost, "a publisher that restarts is no gap")
	require.False(t, duplicate)
	s.forget()
	lost, _ = at(`"a"`, 2000)
	require.Zero(t, lost)
}

func TestStreamsSeenLastAreToldApart(t *testing.T) {
	var s streams
	at := func(stream uint64, topic string, incarnation uint16, n uint32) uint32 {
		lost, duplicate := s.note(&wire.Parts{Stream: stream, Origin: []byte(`"o"`), Topic: []byte(topic), Sequence: seq(incarnation, n)})
		require.False(t, duplicate, "%d %s %d %d", stream, topic, incarnation, n)
		return lost
	}
	other := uint64(1 + len(s.recent)) // has the same place
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
	var s streams
	for round := range uint32(3) {
		for i := range 2*rememberedStreams + 10 {
			lost, duplicate := s.note(&wire.Parts{Origin: []byte(`"o"`), Topic: fmt.Appendf(nil, `"%d"`, i), Sequence: wire.Sequence{Number: round * 5}})
			if lost != 0 || duplicate {
				require.Fail(t, "a conclusion about a stream that was forgotten", "round %d topic %d: %d %v", round, i, lost, duplicate)
			}
		}
	}
	require.LessOrEqual(t, len(s.young)+len(s.old), 2*rememberedStreams)
}

func seq(incarnation uint16, number uint32) wire.Sequence {
	return wire.Sequence{Incarnation: incarnation, Number: number}
}

// numbered builds a batch of one envelope for each topic and numbers it.
func numbered(t *testing.T, n *numbering, topics ...string) (out []wire.Sequence) {
	b := batch.Get()
	defer b.Release()
	for _, topic := range topics {
		require.NoError(t, wire.Append(b, topic, []byte(`"o"`), []byte(`1`), true))
	}
	n.number(b)
	for i := range b.Len() {
		p, err := wire.Split(b.Message(i), new(wire.StreamMemo))
		require.NoError(t, err)
		require.True(t, p.Numbered)
		out = append(out, p.Sequence)
	}
	return out
}

func TestEnvelopesAreNumberedByStream(t *testing.T) {
	var n numbering
	n.begin(func() uint32 { return 0x2344 })
	require.Equal(t, []wire.Sequence{seq(0x2345, 0), seq(0x2345, 1), seq(0x2345, 0), seq(0x2345, 2)}, numbered(t, &n, "a", "a", "b", "a"))
	b := batch.Get()
	defer b.Release()
	require.NoError(t, wire.Append(b, "a", []byte(`"another origin"`), []byte(`1`), true))
	n.number(b)
	p, err := wire.Split(b.Message(0), new(wire.StreamMemo))
	require.NoError(t, err)
	require.Zero(t, p.Sequence.Number, "receivers tell streams apart by origin as well")
}

func TestAFullTableOfNumbersBeginsANewIncarnation(t *testing.T) {
	var n numbering
	n.begin(func() uint32 { return 0 })
	for i := range numberedStreams - 1 {
		name := fmt.Appendf(nil, "%d", i)
		n.counter(name, name)
	}
	require.Equal(t, []wire.Sequence{seq(1, 0), seq(1, 1)}, numbered(t, &n, "5", "5"))
	got := numbered(t, &n, "one too many", "5")
	require.Equal(t, []wire.Sequence{seq(2, 0), seq(2, 0)}, got, "a new incarnation, in which every topic begins anew")
}

func TestLongTopicsAreForgottenSooner(t *testing.T) {
	var s streams
	var n numbering
	n.begin(rand.Uint32)
	topic := bytes.Repeat([]byte("t"), 1<<20)
	for i := range 200 {
		copy(topic, fmt.Sprintf("%05d", i))
		n.counter(topic, topic)
		_, duplicate := s.note(&wire.Parts{Origin: []byte(`"o"`), Topic: topic, Sequence: seq(7, uint32(i))})
		require.False(t, duplicate)
		require.LessOrEqual(t, len(n.next)<<20, numberedBytes)
		require.LessOrEqual(t, (len(s.young)+len(s.old))<<20, 2*rememberedBytes)
	}
	require.NotZero(t, len(s.old))
}

func TestANewIncarnationIsNotTheLastOne(t *testing.T) {
	for draw := range uint32(1 << 17) {
		n := numbering{incarnation: 5}
		n.begin(func() uint32 { return draw })
		require.NotEqual(t, uint16(5), n.incarnation)
	}
	n := numbering{}
	n.begin(func() uint32 { return math.MaxUint32 })
	require.NotZero(t, n.incarnation)
}
