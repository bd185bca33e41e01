package observe

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/core"
)

func view(topic string, received, delay float64) *core.View {
	return &core.View{Topic: []byte(topic), Origin: []byte("o"), Data: []byte("null"), Received: received, TS: received - delay}
}

func TestQuantilesOfDelay(t *testing.T) {
	table := newTable(ByTopic, Delay, 10)
	for i := range 100 {
		table.add(view("t", float64(i+1), float64(i+1)/1000), false)
	}
	rows, _ := table.take(100)
	r := rows[0]
	for q, want := range map[float64]float64{50: 0.050, 99: 0.099, 100: 0.100} {
		got, ok := r.Quantile(q)
		require.True(t, ok)
		require.InEpsilon(t, want, got, 0.011, "p%v", q)
	}
	require.InDelta(t, 0.001, r.Delay.Min, 1e-9)
	require.InDelta(t, 0.0505, r.Delay.Mean(), 1e-9)
	require.InDelta(t, 1, r.Gap.Mean(), 1e-9)
	require.InDelta(t, 0, r.Gap.Deviation(), 1e-6)
	require.InDelta(t, 0.001, r.Jitter, 2e-4, "each delay differs by 1 ms from the one before")
}

func TestTopicsBeyondTheLimitAreCountedTogether(t *testing.T) {
	table := newTable(ByTopic, None, 3)
	for i := range 10 {
		table.add(view(fmt.Sprint(i), 1, 0), false)
	}
	rows, other := table.take(1)
	require.Len(t, rows, 3)
	require.Equal(t, uint64(7), other.Count)

	table.take(forgetAfter + 2) // nothing has come for a minute
	table.add(view("new", 100, 0), false)
	rows, other = table.take(100)
	require.Len(t, rows, 1)
	require.Zero(t, other.Count)
}

func TestHistogramsAreBounded(t *testing.T) {
	table := newTable(ByTopic, Delay, MaxRows)
	for i := range MaxHistograms + 1 {
		table.add(view(fmt.Sprint(i), 1, 0.5), false)
	}
	rows, _ := table.take(1)
	with := 0
	for _, r := range rows {
		if _, ok := r.Quantile(50); ok {
			with++
		}
		require.Equal(t, uint64(1), r.Delay.N)
	}
	require.Equal(t, MaxHistograms, with)
	table.add(view("0", 2, 0.5), false)
	rows, _ = table.take(2)
	for _, r := range rows {
		_, ok := r.Quantile(50)
		require.Equal(t, r.Name == "0", ok, "the next sample has histograms of its own")
	}
}

func TestDelaysOfTheFutureAndOfHoursAreKept(t *testing.T) {
	table := newTable(ByTopic, Delay, 10)
	table.add(view("t", 10, -5), false)
	table.add(view("t", 11, 1e6), false)
	rows, _ := table.take(11)
	require.InDelta(t, -5, rows[0].Delay.Min, 1e-9)
	require.InDelta(t, 1e6, rows[0].Delay.Max, 1e-9)
	top, _ := rows[0].Quantile(100)
	require.InEpsilon(t, 3600, top, 0.01)
}

func BenchmarkTable(b *testing.B) {
	table := newTable(ByTopic, Delay, MaxRows)
	views := make([]*core.View, 1000)
	for i := range views {
		views[i] = view(fmt.Sprintf("sensors/room-%d/temperature", i), 1, 0.001)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		table.add(views[i%len(views)], false)
	}
}
