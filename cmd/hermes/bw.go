package main

import (
	"github.com/spf13/cobra"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/humane"
	"github.com/hermes-zmq/hermes/cmd/hermes/internal/observe"
)

func newBwCommand(std streams) *cobra.Command {
	sizes := func(r *observe.Row) *observe.Summary { return &r.Size }
	w := &watching{
		columns: append([]rowColumn{topicColumn, bandwidthColumn, rateColumn, countColumn,
			numberColumn("bytes", func(_ *observe.Sample, r *observe.Row) float64 { return float64(r.Bytes) }, humane.Bytes)}, summaryColumns(sizes, humane.Bytes)...),
		object: func(s *observe.Sample, r *observe.Row) any {
			return struct {
				seenLine
				Bytes     uint64      `json:"bytes"`
				Bandwidth float64     `json:"bandwidth"` // bytes a second
				Size      *spreadLine `json:"size"`
			}{seenOf(s, r), r.Bytes, s.Rate(r.Bytes), spreadOf(&r.Size, nil)}
		},
	}
	w.columns = append(w.columns, lostColumn)
	return newWatchCommand(std, "bw", "show how many bytes a second each topic takes",
		`Shows for each topic the bandwidth, and the sizes of its envelopes. The size of an envelope is that of its topic,
its origin and its data; framing and time, which add 30 to 60 bytes on the network, are not counted. It has no
quantiles, as topics has none: those of intervals are in hermes hz, those of delays in hermes delay, and each is kept
for one quantity at a time.`,
		"hermes bw tcp://127.0.0.1:6001 --window 1s\nhermes bw tcp://127.0.0.1:6001 --window 1s --sort bandwidth --limit 10", w)
}
