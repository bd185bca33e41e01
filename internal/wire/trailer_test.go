package wire

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
)

func TestTrailerIsTwoBitsACharacterMostSignificantFirst(t *testing.T) {
	dst := make([]byte, TrailerSize)
	PutTrailer(dst, Sequence{Incarnation: 0x1b00, Number: 0x0000001b})
	require.Equal(t, " \t\n\r"+"    "+"            "+" \t\n\r", string(dst))
}

func TestTrailersAreWhiteSpaceAndNothingElse(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		want := Sequence{uint16(r.Uint32()), r.Uint32()}
		var p [TrailerSize]byte
		PutTrailer(p[:], want)
		got, ok := parseTrailer(p[:])
		require.True(t, ok)
		require.Equal(t, want, got)
		at := r.IntN(TrailerSize)
		for c := range 256 {
			p[at] = byte(c)
			_, ok := parseTrailer(p[:])
			require.Equal(t, isSpace(byte(c)), ok, "%q", p)
		}
	}
}

func TestSequenceOfIsThatOfAnEnvelopeThatComesFromNoCache(t *testing.T) {
	b := batch.Get()
	defer b.Release()
	require.NoError(t, Append(b, "t", []byte("1"), []byte("2"), true))
	want := Sequence{Incarnation: 3, Number: 1 << 31}
	Number(b, 0, want)
	Stamp(b, 1, true)
	got, ok := SequenceOf(b.Message(0))
	require.True(t, ok)
	require.Equal(t, want, got)

	at, ok := TimeAt(b.Message(0))
	require.True(t, ok)
	_, ok = SequenceOf(AppendMarked(nil, b.Message(0), at))
	require.False(t, ok, "it comes from a cache")
	for _, msg := range []string{"", "\x00\x01x", string(b.Message(0)[:b.Ends[0]-1])} {
		_, ok = SequenceOf([]byte(msg))
		require.False(t, ok)
	}
}
