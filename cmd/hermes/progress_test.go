package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/mcap"
	"github.com/hermes-zmq/hermes/cmd/hermes/internal/recording"
)

func TestATimelineIsOfWhatIsChosen(t *testing.T) {
	const ms = 1_000_000
	files := []*mcap.File{{}, {Statistics: mcap.Statistics{Messages: 2, Start: 1000 * ms, End: 3000 * ms}},
		{Statistics: mcap.Statistics{Messages: 1, Start: 2000 * ms, End: 5000 * ms}}}
	all := timelineOf(files, &recording.Filter{})
	require.EqualValues(t, 4000, all.total())
	part := timelineOf(files, &recording.Filter{From: 2000 * ms, To: 4000 * ms})
	require.EqualValues(t, 2000, part.total())
	for at, want := range map[uint64]int64{0: 0, 2000: 0, 2500: 500, 4000: 2000, 9000: 2000} {
		require.Equal(t, want, part.at(at*ms))
	}
	require.Zero(t, timelineOf(files[:1], &recording.Filter{}).total(), "there is no bar")
	require.Zero(t, timelineOf(files, &recording.Filter{From: 9000 * ms}).total())
}

// TestABarOfARecordingIsOfTheEndThatComesFirst: of --count and --duration.
func TestABarOfARecordingIsOfTheEndThatComesFirst(t *testing.T) {
	written := func() recording.Progress { return recording.Progress{Envelopes: 30} }
	for want, o := range map[int64]recordFlags{30: {count: 100}, 0: {duration: 1 << 60}, 60: {count: 50, duration: 1 << 60}, 100: {count: 1 << 60, duration: 1}} {
		p := o.bar(streams{}, written)
		require.Equal(t, want, min(p.current(), 100))
		p.end()
	}
}
