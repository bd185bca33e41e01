package observe

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A program that is busy while it is subscribed uses its share of the core, and no more.
func TestTheShareIsKept(t *testing.T) {
	for _, share := range []float64{0.1, 0.5, 0.9} {
		g := governor{share: share}
		now, used := time.Unix(0, 0), time.Duration(0)
		g.begin(now, used)
		paused := false
		for range 10_000 {
			now = now.Add(governEvery)
			if !paused {
				used += governEvery
			}
			paused = g.step(now, used, paused)
		}
		require.InDelta(t, share, used.Seconds()/now.Sub(time.Unix(0, 0)).Seconds(), 0.01)
	}
}

func TestAQuietProgramDoesNotPause(t *testing.T) {
	g := governor{share: 0.5}
	now, used := time.Unix(0, 0), time.Duration(0)
	g.begin(now, used)
	for range 1000 {
		now, used = now.Add(governEvery), used+governEvery*49/100
		require.False(t, g.step(now, used, false))
	}
	now, used = now.Add(governEvery), used+2*governEvery // a burst
	require.False(t, g.step(now, used, false))
}

func TestTheTimeOfThisProcessPasses(t *testing.T) {
	before := processTime()
	for deadline := time.Now().Add(time.Minute); processTime() == before; {
		require.True(t, time.Now().Before(deadline))
	}
}
