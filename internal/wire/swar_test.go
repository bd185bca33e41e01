package wire

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSkippingAgreesWithLookingAtEveryByte(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 20000 {
		p := make([]byte, r.IntN(200))
		for i := range p {
			if p[i] = byte('0' + r.IntN(10)); r.IntN(100) == 0 {
				p[i] = byte(r.IntN(256))
			}
		}
		from := r.IntN(len(p) + 1)
		digits, plains := from, from
		for digits < len(p) && p[digits] >= '0' && p[digits] <= '9' {
			digits++
		}
		for plains < len(p) && plain[p[plains]] {
			plains++
		}
		require.Equal(t, digits, skipDigits(p, from), "%q", p)
		require.Equal(t, plains, skipPlain(p, from), "%q", p)
		require.Equal(t, plains, skipPlain(string(p), from), "%q", p)
	}
}
