package main

import (
	"cmp"
	"io"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/mcap"
	"github.com/hermes-zmq/hermes/cmd/hermes/internal/recording"
)

// progressAfter is how long something takes before it shows a bar.
const progressAfter = 2 * time.Second

// progress shows how far something has come that has an end: a bar on standard error, where that
// is a terminal, once it takes longer than progressAfter. add may be called by any goroutine.
type progress struct {
	done    atomic.Int64
	current func() int64 // how much is done; nil: done
	stop    chan struct{}
	stopped chan struct{}
}

// newProgress begins; what is a word for people, and total how much there is to do.
func newProgress(std streams, what string, total int64) *progress {
	return newProgressOf(std, what, total, nil)
}

// newTimedProgress is for what ends after a time at the latest.
func newTimedProgress(std streams, what string, limit time.Duration) *progress {
	began := time.Now()
	return newProgressOf(std, what, limit.Milliseconds(), func() int64 { return time.Since(began).Milliseconds() })
}

// newProgressOf is for what can say how much is done; with nil add says it.
func newProgressOf(std streams, what string, total int64, current func() int64) *progress {
	p := &progress{current: current, stop: make(chan struct{}), stopped: make(chan struct{})}
	if current == nil {
		p.current = p.done.Load
	}
	if terminalOf(std.err) == nil || total <= 0 {
		close(p.stopped)
		return p
	}
	go p.show(std, what, total)
	return p
}

func (p *progress) show(std streams, what string, total int64) {
	defer close(p.stopped)
	select {
	case <-time.After(progressAfter):
	case <-p.stop:
		return
	}
	bar := progressbar.NewOptions64(total, progressbar.OptionSetWriter(std.err), progressbar.OptionSetDescription(what),
		progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionFullWidth(), progressbar.OptionClearOnFinish())
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		_ = bar.Set64(min(p.current(), total-1)) // the last one would end the bar
		select {
		case <-tick.C:
		case <-p.stop:
			_ = bar.Clear()
			return
		}
	}
}

// besideOutput is for a command that prints while it works: its output would be in the way of a bar on the same terminal.
func besideOutput(std streams) streams {
	if terminalOf(std.out) != nil {
		std.err = io.Discard
	}
	return std
}

// timeline is where in the time of files a command is that takes their envelopes one after the other.
type timeline struct {
	from, length uint64 // in nanoseconds
}

func timelineOf(files []*mcap.File, filter *recording.Filter) (t timeline) {
	to := uint64(0)
	for _, f := range files {
		if s := f.Statistics; s.Messages > 0 {
			t.from, to = min(cmp.Or(t.from, s.Start), s.Start), max(to, s.End)
		}
	}
	t.from = max(t.from, filter.From)
	if filter.To > 0 {
		to = min(to, filter.To)
	}
	t.length = max(to, t.from) - t.from
	return t
}

// total is what there is to do, in milliseconds.
func (t timeline) total() int64 { return int64(t.length / 1e6) }

// at is how much is done when an envelope that came at a time is.
func (t timeline) at(logTime uint64) int64 {
	return int64(min(max(logTime, t.from)-t.from, t.length) / 1e6)
}

// add says that so much more is done.
func (p *progress) add(n int64) { p.done.Add(n) }

// set says that so much is done.
func (p *progress) set(n int64) { p.done.Store(n) }

// end removes the bar.
func (p *progress) end() {
	close(p.stop)
	<-p.stopped
}
