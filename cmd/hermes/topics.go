package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/humane"
	"github.com/hermes-zmq/hermes/cmd/hermes/internal/observe"
)

func newTopicsCommand(std streams) *cobra.Command {
	w := &watching{
		columns: []rowColumn{
			topicColumn, countColumn, rateColumn, lostColumn,
			numberColumn("age", func(s *observe.Sample, r *observe.Row) float64 { return lastAge(s, r) }, humane.Seconds),
			{"origins", func(_ *observe.Sample, r *observe.Row) string { return displayAll(r) }, func(_ *observe.Sample, r *observe.Row) float64 { return float64(len(r.Others)) }},
		},
		object: func(s *observe.Sample, r *observe.Row) any {
			out := topicLine{seenLine: seenOf(s, r), Bytes: r.Bytes, Origins: r.Others, More: r.More, Cached: r.Cached}
			if r.Last > 0 {
				out.Last = &r.Last
			}
			if out.Origins == nil {
				out.Origins = []string{}
			}
			return out
		},
	}
	return newWatchCommand(std, "topics", "list the topics on which something is published",
		`Lists the topics that begin with one of TOPIC, or all: how many envelopes there were, at which rate, how many
of them were lost on the way, when the last one came, and from which origins. Topics of which a post office has
sent the cached value alone are listed with 0 envelopes.`,
		"hermes topics tcp://127.0.0.1:6001 --window 500ms\nhermes topics tcp://127.0.0.1:6001 ticks/ --window 1s --sort rate", w)
}

type topicLine struct {
	seenLine
	Bytes   uint64   `json:"bytes"`
	Cached  uint64   `json:"cached,omitempty"` // out of the cache of the post office
	Origins []string `json:"origins"`
	More    bool     `json:"more_origins,omitempty"`
	Last    *float64 `json:"last"` // when the last one arrived, in seconds since 1970; null: from the cache only
}

func lastAge(s *observe.Sample, r *observe.Row) float64 {
	return max(float64(s.At.UnixMicro())/1e6-r.Last, 0)
}

func displayAll(r *observe.Row) string {
	names := make([]string, len(r.Others))
	for i, name := range r.Others {
		names[i] = humane.Text(name)
	}
	text := strings.Join(names, ", ")
	if r.More {
		text += ", ..."
	}
	return text
}
