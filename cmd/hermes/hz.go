package main

import (
	"github.com/spf13/cobra"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/humane"
	"github.com/hermes-zmq/hermes/cmd/hermes/internal/observe"
)

func newHzCommand(std streams) *cobra.Command {
	interval := func(r *observe.Row) *observe.Summary { return &r.Gap }
	columns := append([]rowColumn{topicColumn, rateColumn, countColumn}, summaryColumns(interval, humane.Seconds)...)
	w := &watching{
		quantity: observe.Interval,
		columns: append(columns, quantileColumn("p50", 50), quantileColumn("p99", 99),
			numberColumn("jitter", func(_ *observe.Sample, r *observe.Row) float64 { return r.Gap.Deviation() }, humane.Seconds), lostColumn),
		object: func(s *observe.Sample, r *observe.Row) any {
			return struct {
				seenLine
				Interval *spreadLine `json:"interval"`
			}{seenOf(s, r), spreadOf(&r.Gap, r)}
		},
	}
	return newWatchCommand(std, "hz", "show how often and how regularly each topic is published",
		`Shows for each topic the rate, and the intervals between its envelopes: the shortest, the mean and the longest,
quantiles, and as jitter the standard deviation. Intervals are between arrivals here.`,
		"hermes hz tcp://127.0.0.1:6001 --window 1s\nhermes hz tcp://127.0.0.1:6001 ticks/ --window 1s --sort jitter", w)
}
