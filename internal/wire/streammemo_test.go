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
