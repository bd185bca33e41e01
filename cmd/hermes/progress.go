package main

import (
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progressAfter is how long something takes before it shows a bar.
const progressAfter = 2 * time.Second

// progress shows how far something has come that has an end: a bar on standard error, where that
// is a terminal, once it takes longer than progressAfter. add may be called by any goroutine.
type progress struct {
	done    atomic.Int64
	stop    chan struct{}
	stopped chan struct{}
}

// newProgress begins; what is a word for people, and total how much there is to do.
func newProgress(std streams, what string, total int64) *progress {
	p := &progress{stop: make(chan struct{}), stopped: make(chan struct{})}
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
		_ = bar.Set64(min(p.done.Load(), total-1)) // the last one would end the bar
		select {
		case <-tick.C:
		case <-p.stop:
			_ = bar.Clear()
			return
		}
	}
}

// add says that so much more is done.
func (p *progress) add(n int64) { p.done.Add(n) }

// end removes the bar.
func (p *progress) end() {
	close(p.stop)
	<-p.stopped
}
