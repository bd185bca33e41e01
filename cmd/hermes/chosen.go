package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/humane"
	"github.com/hermes-zmq/hermes/cmd/hermes/internal/mcap"
	"github.com/hermes-zmq/hermes/cmd/hermes/internal/recording"
)

// chosenEnvelopes are the flags that choose envelopes of files: --from, --to, --topics, --origin.
type chosenEnvelopes struct {
	from, to        string
	topics, origins []string
}

// addChosen declares the flags; verb is what is done with what is chosen.
func addChosen(c *cobra.Command, verb string) *chosenEnvelopes {
	o := &chosenEnvelopes{}
	f := c.Flags()
	f.StringVar(&o.from, "from", "", verb+" what arrived at this `time` or later: since the first envelope, as 90s, or a date, as 2026-11-30T06:45:00Z")
	f.StringVar(&o.to, "to", "", verb+" what arrived before this `time`")
	f.StringSliceVar(&o.topics, "topics", nil, verb+" only topics that begin so; may be repeated, or separated by commas")
	f.StringSliceVar(&o.origins, "origin", nil, verb+" only envelopes of this origin; may be repeated")
	return o
}

// filter is what the flags say about files.
func (o *chosenEnvelopes) filter(files []*mcap.File) (f recording.Filter, err error) {
	f = recording.Filter{Topics: o.topics, Origins: o.origins}
	first := firstTime(files)
	if f.From, err = timeIn("from", o.from, first); err != nil {
		return f, err
	}
	if f.To, err = timeIn("to", o.to, first); err != nil {
		return f, err
	}
	if f.To > 0 && f.To <= f.From {
		return f, usageError{"--to is not later than --from"}
	}
	return f, nil
}

// firstTime is when the first envelope of files arrived.
func firstTime(files []*mcap.File) time.Time {
	first := uint64(0)
	for _, f := range files {
		if s := f.Statistics; s.Messages > 0 && (first == 0 || s.Start < first) {
			first = s.Start
		}
	}
	return time.Unix(0, int64(first))
}

// timeIn reads a time of --from or --to, in nanoseconds since 1970; 0 where there is none.
func timeIn(flag, text string, first time.Time) (uint64, error) {
	if text == "" {
		return 0, nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		var since time.Duration
		if since, err = time.ParseDuration(strings.TrimPrefix(text, "+")); err == nil {
			at = first.Add(since)
		}
	}
	if err != nil || at.UnixNano() < 0 {
		return 0, usageError{fmt.Sprintf("--%s %q is no time; write it as 90s or as 2026-11-30T06:45:00Z", flag, text)}
	}
	return uint64(at.UnixNano()), nil
}

// openFiles opens files, and says which of them are not whole.
func openFiles(std streams, names []string) (files []*mcap.File, end func(), err error) {
	var ends []func() error
	end = func() {
		for _, e := range ends {
			_ = e()
		}
	}
	for _, name := range names {
		f, e, err := mcap.Open(name)
		if err != nil {
			end()
			return nil, nil, err
		}
		files, ends = append(files, f), append(ends, e)
		if f.Broken != nil {
			fmt.Fprintf(std.err, "%s; what is whole of it is read\n", humane.Plain(f.Broken.Error()))
		}
	}
	return files, end, nil
}
