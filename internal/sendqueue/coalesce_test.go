package sendqueue

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCoalescing(t *testing.T) {
	sends := func(gap time.Duration) (held int) {
		p := coalescing{credit: maxCredit}
		for range 1000 {
			if !p.spend(gap) {
				held++
			}
		}
		return held
	}
	require.Zero(t, sends(100*time.Microsecond), "10,000 a second go out as they come")
	require.Zero(t, sends(sendCost))
	require.Greater(t, sends(5*time.Microsecond), 900)

	p := coalescing{credit: maxCredit}
	for range maxCredit / sendCost {
		require.True(t, p.spend(0), "a short burst is not held up")
	}
	require.False(t, p.spend(0))
	require.False(t, p.spend(sendCost/2), "nor is there credit while it goes on")
	require.True(t, p.spend(time.Hour))
	require.LessOrEqual(t, p.credit, maxCredit)
}
