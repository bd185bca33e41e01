package core

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/clock"
)

// step sets the time of day, for all components of this process.
func step(t *testing.T, by time.Duration) {
	clock.Step(by)
	t.Cleanup(func() { clock.Step(0) })
}

// TestTheTimeOfDayMayBeSet: nothing waits for longer or shorter, and what is sent and
// received by the same clock is as young as ever.
func TestTheTimeOfDayMayBeSet(t *testing.T) {
	for _, by := range []time.Duration{-time.Hour, time.Hour} {
		eachEngine(t, func(t *testing.T, engine string) {
			po := newOffice(t, engine)
			r := newReceiver(t, engine, get(t, po, "endpoint.out"), "timeout", "10m")
			p := newPublisher(t, engine, get(t, po, "endpoint.in"))
			require.NoError(t, p.WaitReady(soon))
			send := func(from, to int) {
				for n := from; n < to; n++ {
					require.NoError(t, p.Publish("t", "", []byte(strconv.Itoa(n))))
				}
				for i, e := range collect(t, r, to-from) {
					require.Equal(t, strconv.Itoa(from+i), string(e.Data))
				}
			}
			send(0, 10)
			step(t, by)
			send(10, 20)
			_, err := r.Take(1, 20*time.Millisecond)
			code(t, ETIMEOUT, err)
			require.NoError(t, p.Stop(soon))
			s := r.Stats()
			require.Equal(t, "running", s.State)
			require.Zero(t, s.Lost)
		})
	}
}

// TestAClockThatIsSetWhileAnEnvelopeIsUnderWay: it then looks as old as the step.
func TestAClockThatIsSetWhileAnEnvelopeIsUnderWay(t *testing.T) {
	r := unstarted(t, "on_slow", "drop")
	arrive(t, r, "t", "o", 0, 0)
	step(t, time.Hour)
	arrive(t, r, "t", "o", 0, 1)
	require.EqualValues(t, 1, r.Stats().DroppedStale)
	step(t, -time.Hour)
	arrive(t, r, "t", "o", 0, 2)
	s := r.Stats()
	require.EqualValues(t, 2, s.Queued, "one from the future is welcome")
	require.Zero(t, s.Lost, "none of them was lost on the way")
}
