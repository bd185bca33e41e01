package core

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/notify"
	"github.com/hermes-zmq/hermes/internal/queue"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// unstarted is a receiver that is handed its envelopes by the test.
func unstarted(t *testing.T, pairs ...string) *Receiver {
	t.Helper()
	r, err := NewReceiver("tcp://127.0.0.1:9", "r")
	require.NoError(t, err)
	set(t, r, pairs...)
	r.queue.Open(queue.DropNew)
	r.admission.Begin(0)
	return r
}

// arrive hands it one envelope of an age, with a number.
func arrive(t *testing.T, r *Receiver, topic, origin string, age time.Duration, number uint32) {
	t.Helper()
	b := batch.Get()
	defer b.Release()
	require.NoError(t, wire.Append(b, topic, []byte(`"`+origin+`"`), []byte(`1`), true))
	wire.Stamp(b, time.Now().Add(-age).UnixMicro(), true)
	wire.Number(b, 0, wire.Sequence{Incarnation: 1, Number: number})
	r.deliver(b)
}

func TestAWarningComesBeforeTheStop(t *testing.T) {
	r := unstarted(t, "timeout", "1h")
	arrive(t, r, "t", "o", 40*time.Minute, 0)
	arrive(t, r, "t", "o", 40*time.Minute, 1) // within the same second: no other event
	e := eventOf(t, r, "lagging")
	require.Equal(t, notify.Warning, e.Level)
	require.Contains(t, e.Text, "the limit is 1h0m0s")
	_, err := r.NextEvent(0)
	require.Error(t, err)
	require.EqualValues(t, 2, r.Stats().Queued, "it goes on")
	arrive(t, r, "t", "o", 2*time.Hour, 2)
	require.Equal(t, notify.Error, eventOf(t, r, "slow").Level)
	require.EqualValues(t, 1, r.Stats().DroppedStale)
	require.InDelta(t, 7200, r.Stats().Lag, 5)
}

func TestLateOnesAreNotAnnouncedWhereTheirAgeIsIgnored(t *testing.T) {
	r := unstarted(t, "timeout", "1h", "on_slow", "ignore")
	arrive(t, r, "t", "o", 40*time.Minute, 0)
	_, err := r.NextEvent(0)
	require.Error(t, err)
}

func TestAGapIsAnnounced(t *testing.T) {
	r := unstarted(t)
	arrive(t, r, "t", "a sender", 0, 0)
	arrive(t, r, "t", "a sender", 0, 4)
	arrive(t, r, "t", "a sender", 0, 6)
	e := eventOf(t, r, "lost")
	require.Equal(t, [3]any{uint64(3), "t", "a sender"}, [3]any{e.Count, e.Topic, e.Origin})
	require.Contains(t, e.Text, "3 envelopes are lost")
	_, err := r.NextEvent(0)
	require.Error(t, err, "at most one event a second")
	require.EqualValues(t, 4, r.Stats().Lost)

	set(t, r, "json.lost", "on")
	d, err := r.Take(10, 0)
	require.NoError(t, err)
	defer d.Release()
	text := r.embed.AppendJSON(nil, &d.taken)
	require.LessOrEqual(t, len(text), r.embed.JSONSize(&d.taken))
	require.Regexp(t, `^\[\["t","a sender",1,[\d.]+\],\["t","a sender",1,[\d.]+,3\],\["t","a sender",1,[\d.]+,1\]\]$`, string(text))
}

func TestTheSnailNamesTheEnvelopeThatWasTooOld(t *testing.T) {
	r := unstarted(t)
	arrive(t, r, "room/7", "sensor é", 0, 0)
	arrive(t, r, "room/7", "sensor é", 5*time.Second, 1)
	e := eventOf(t, r, "slow")
	require.Equal(t, [3]string{notify.Error, "room/7", "sensor é"}, [3]string{e.Level, e.Topic, e.Origin})
	require.Regexp(t, `an envelope of topic "room/7" from "sensor é" was 5\.\d+ s old on arrival, the limit is 1s`, e.Text)
	require.NotContains(t, e.Text, "clock", "it has kept up with this origin before")
}

func TestTheSnailSuspectsAClock(t *testing.T) {
	t.Run("of the first envelope", func(t *testing.T) {
		r := unstarted(t)
		arrive(t, r, "t", "punctual", 0, 0)
		arrive(t, r, "t", "behind", time.Hour, 0)
		require.Regexp(t, `"behind" was 3600\.\d+ s old .*whose clock may be 1h0m.* behind`, eventOf(t, r, "slow").Text)
	})
	t.Run("of all envelopes", func(t *testing.T) {
		r := unstarted(t, "on_slow", "drop", "timeout", "1m")
		for i := range uint32(3) {
			arrive(t, r, "t", "behind", time.Hour, i)
		}
		r.limits.slow = notify.Limiter{}
		arrive(t, r, "t", "behind", time.Hour, 3)
		eventOf(t, r, "slow")
		require.Contains(t, eventOf(t, r, "slow").Text, `all 4 envelopes from "behind" were about equally old: its clock is probably 1h0m`)
	})
	for name, ages := range map[string][]time.Duration{
		"not of envelopes that grow older": {10 * time.Second, 20 * time.Second},
		"not after a young one":            {time.Hour, 0, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			r := unstarted(t, "on_slow", "warn")
			for i, age := range ages {
				r.limits.slow = notify.Limiter{}
				arrive(t, r, "t", "o", age, uint32(i))
			}
			require.Contains(t, eventOf(t, r, "slow").Text, "clock", "of the first one it may be")
			require.NotContains(t, eventOf(t, r, "slow").Text, "clock")
		})
	}
	require.Equal(t, "more than a century", ageText(1e300))
}

func TestAnEnvelopeFromTheFutureIsNoticed(t *testing.T) {
	r := unstarted(t)
	arrive(t, r, "t", "o", 0, 0)
	_, err := r.NextEvent(0)
	require.Error(t, err)
	arrive(t, r, "t", "ahead", -time.Hour, 0)
	e := eventOf(t, r, "clock")
	require.Equal(t, [2]string{notify.Warning, "ahead"}, [2]string{e.Level, e.Origin})
	require.Regexp(t, `from "ahead" that is dated 3\d+\.\d+ s in the future: its clock is ahead`, e.Text)
	arrive(t, r, "t", "ahead", -time.Hour, 1)
	_, err = r.NextEvent(0)
	require.Error(t, err, "once a minute")
	require.EqualValues(t, [2]uint64{2, 3}, [2]uint64{r.Stats().FromFuture, uint64(r.Stats().Queued)})

	guarded := unstarted(t, "clock.skew", "guard")
	arrive(t, guarded, "t", "ahead", -time.Hour, 0)
	_, err = guarded.NextEvent(0)
	require.Error(t, err, "there the difference is allowed for")
}
