package core

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPacing(t *testing.T) {
	sends := func(gap time.Duration) (held int) {
		p := pacing{credit: creditMost}
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

	p := pacing{credit: creditMost}
	for range creditMost / sendCost {
		require.True(t, p.spend(0), "a short burst is not held up")
	}
	require.False(t, p.spend(0))
	require.False(t, p.spend(sendCost/2), "nor is there credit while it goes on")
	require.True(t, p.spend(time.Hour))
	require.LessOrEqual(t, p.credit, creditMost)
}

// TestNothingIsLostInAQuickSuccession: every envelope of a succession that is paced
// arrives, in order, and so does the last one.
func TestNothingIsLostInAQuickSuccession(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		po := newOffice(t, engine)
		r := newReceiver(t, engine, get(t, po, "endpoint.out"), "on_slow", "ignore")
		p := newPublisher(t, engine, get(t, po, "endpoint.in"), "ready.hold", "30s")
		const count = 5000
		for range count {
			require.NoError(t, p.TryPublish([]byte(`["t", null, 1]`)))
			for end := time.Now().Add(3 * time.Microsecond); time.Now().Before(end); {
			}
		}
		require.Len(t, collect(t, r, count), count)
		// The publisher books what it has sent when the carrier is back, so perhaps later.
		require.Eventually(t, func() bool { return p.Stats().Sent == count }, soon, pollEvery)
	})
}
