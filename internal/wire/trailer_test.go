package wire

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
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
