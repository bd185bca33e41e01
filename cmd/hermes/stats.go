package main

import (
	"encoding/json"
	"io"
	"time"

	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/core/backbone"
)

// statsLine is one line of counters, with the time and with what has happened since the
// line before.
type statsLine struct {
	Time     string  `json:"time"`     // RFC 3339, UTC
	Interval float64 `json:"interval"` // seconds since the line before, or since the start
	Rates    rates   `json:"rates"`    // a second, in that interval
	core.PostOfficeStats
	Backbone *backbone.Stats `json:"backbone,omitempty"` // of a post office that has joined others
}

// rates are how much the counters of the same names have grown by in a second.
type rates struct {
	InMessages  float64 `json:"in_messages"`
	InBytes     float64 `json:"in_bytes"`
	OutMessages float64 `json:"out_messages"`
	OutBytes    float64 `json:"out_bytes"`
	Unwanted    float64 `json:"unwanted"`
	Dropped     float64 `json:"dropped"`
}

// statsWriter prints the counters of a post office from time to time.
type statsWriter struct {
	out    *json.Encoder
	office *core.PostOffice
	joint  *joint
	last   core.PostOfficeStats
	at     time.Time
}

func newStatsWriter(out io.Writer, office *core.PostOffice, joint *joint) *statsWriter {
	return &statsWriter{out: json.NewEncoder(out), office: office, joint: joint, at: time.Now()}
}

// print writes one line. That no program reads it is no reason for a post office to end.
func (w *statsWriter) print() {
	now, s := time.Now(), w.office.Stats()
	interval := now.Sub(w.at).Seconds()
	per := func(new, old uint64) float64 {
		if interval <= 0 {
			return 0
		}
		return (float64(new) - float64(old)) / interval
	}
	last := &w.last
	_ = w.out.Encode(statsLine{
		Time: now.UTC().Format("2006-01-02T15:04:05.000Z"), Interval: interval, PostOfficeStats: s,
		Backbone: w.joint.stats(),
		Rates: rates{
			InMessages: per(s.InMessages, last.InMessages), InBytes: per(s.InBytes, last.InBytes),
			OutMessages: per(s.OutMessages, last.OutMessages), OutBytes: per(s.OutBytes, last.OutBytes),
			Unwanted: per(s.Unwanted, last.Unwanted), Dropped: per(s.Dropped, last.Dropped),
		},
	})
	w.last, w.at = s, now
}
