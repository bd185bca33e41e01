package main

import (
	"github.com/spf13/cobra"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/humane"
	"github.com/hermes-zmq/hermes/cmd/hermes/internal/observe"
)

func newDelayCommand(std streams) *cobra.Command {
	delay := func(r *observe.Row) *observe.Summary { return &r.Delay }
	columns := append([]rowColumn{topicColumn}, summaryColumns(delay, humane.Seconds)...)
	w := &watching{
		quantity: observe.Delay,
		columns:  append(columns, quantileColumn("p50", 50), quantileColumn("p99", 99), jitterColumn, countColumn, lostColumn),
		object: func(s *observe.Sample, r *observe.Row) any {
			return struct {
				seenLine
				Delay  *spreadLine `json:"delay"`
				Jitter float64     `json:"jitter"`
			}{seenOf(s, r), spreadOf(&r.Delay, r), r.Jitter}
		},
	}
	return newWatchCommand(std, "delay", "show how old the envelopes of each topic are on arrival",
		`Shows for each topic the time from the sending of an envelope to its arrival here: the least, the mean, the
greatest, quantiles, and the jitter as RTP defines it (RFC 3550). Sender and receiver each use their own clock: a
negative delay says that the sender's is ahead, and hermes doctor tells by how much. What comes out of the cache of
a post office is left out.`,
		"hermes delay tcp://127.0.0.1:6001 --window 1s\nhermes delay tcp://127.0.0.1:6001 --window 1s --sort p99", w)
}
