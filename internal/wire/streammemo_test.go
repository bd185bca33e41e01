package wire

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAMemoChangesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var memo StreamMemo
	for range 5000 {
		frame := fmt.Appendf(nil, "%d.%06d", 1517670000+r.IntN(2), r.IntN(2))
		switch r.IntN(4) {
		case 0:
		case 1:
			frame = append(frame, strings.Repeat(" ", r.IntN(30))...)
		default:
			frame = append(frame, make([]byte, TrailerSize)...)
			PutTrailer(frame[len(frame)-TrailerSize:], Sequence{uint16(r.IntN(3)), r.Uint32()})
		}
		ts, seq, numbered, ok := ParseTime(frame)
		ts2, seq2, numbered2, ok2 := memo.parseTime(frame)
		require.Equal(t, []any{ts, seq, numbered, ok}, []any{ts2, seq2, numbered2, ok2}, "%q", frame)
	}
}

func TestAStreamInUseKeepsItsPlaceInAMemo(t *testing.T) {
	var memo StreamMemo
	at := func(topic string) uint64 {
		msg := texts(topic, `"o"`, `1`, `1.5`)
		p, err := Split(msg, &memo)
		require.NoError(t, err)
		return p.Stream
	}
	// Topics of one slot, as they differ in characters that do not count.
	first := at(`"a/12345678"`)
	require.NotZero(t, first)
	for range 100 {
		for range streamStays {
			require.Zero(t, at(`"b/12345678"`), "its slot is in use")
		}
		require.Equal(t, first, at(`"a/12345678"`))
	}
	for range streamStays {
		at(`"b/12345678"`)
	}
	require.NotZero(t, at(`"b/12345678"`))
}
