package admission

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/queue"
)

// TestAnyTimeCanBeCountedWith: the statistics are JSON, in which nothing is infinite.
func TestAnyTimeCanBeCountedWith(t *testing.T) {
	require.Equal(t, [3]float64{1e12, -1e12, 7}, [3]float64{bounded(1e300), bounded(-1e300), bounded(7)})
	for _, guard := range []bool{false, true} {
		r := newReceiver(queue.DropNew, 10, 0)
		r.rules.OnSlow, r.rules.GuardClocks = IgnoreAge, guard
		for _, ts := range []string{"1e308", "-1e308", "1e308", "0"} {
			b := batch.Get()
			for i, text := range []string{`"t"`, `"o"`, `1`, ts} {
				b.AppendFrame([]byte(text), i < 3)
			}
			r.Deliver(b)
			b.Release()
			_, err := json.Marshal(r.queue.Stats())
			require.NoError(t, err)
		}
		require.EqualValues(t, 4, r.queue.Stats().Queued)
	}
}

func TestTheSkewGuardFollowsADriftAndForgets(t *testing.T) {
	var g skewGuard
	require.Zero(t, g.correct([]byte(`"o"`), 5, 0))
	require.InDelta(t, 1, g.correct([]byte(`"o"`), 6, 0), 1e-9)
	require.InDelta(t, 0.8, g.correct([]byte(`"o"`), 6, 1000), 1e-9, "the least grows with time")
	require.Zero(t, g.correct([]byte(`"o"`), 6, 10_000))
	require.Zero(t, g.correct([]byte(`"o"`), -5, 10_000))
	require.InDelta(t, 11, g.correct([]byte(`"o"`), 6, 10_000), 1e-9)
	for i := range 3 * maxOrigins {
		g.correct(fmt.Appendf(nil, `"%d"`, i), 1, 0)
		require.LessOrEqual(t, len(g.origins), maxOrigins)
	}
	long := make([]byte, maxOriginBytes/2)
	for i := range 10 {
		long[0] = byte(i)
		g.correct(long, 1, 0)
		require.LessOrEqual(t, g.bytes, maxOriginBytes)
	}
}
