package core

import (
	"runtime"
	"sync/atomic"
	"time"
)

// holder is a thread outside of Go that calls in again and again. Between its calls it
// keeps one of Go's processors, and to the runtime's monitor (sysmon, in runtime/proc.go)
// all of them look like one system call that does not end. After 10 ms the monitor takes
// the processor away, and having had something to do it looks around every 20 µs for a
// while. Where little is going on that costs more than everything else. A turn of the
// scheduler now and then shows it that the processor is in use, and lets it sleep.
//
// Its fields are times on the monotonic clock.
type holder struct {
	called atomic.Int64 // the last call
	since  atomic.Int64 // the first of those that have followed each other quickly
	shown  atomic.Int64
}

const (
	// monitorPatience: what calls more rarely has lost its processor in between.
	monitorPatience = 10 * time.Millisecond
	// showEvery is well within it.
	showEvery = 8 * time.Millisecond
)

// show is called where there is time for it: it costs two switches of threads.
func (h *holder) show() {
	now := int64(monotonic())
	if now-h.called.Swap(now) > int64(monitorPatience) {
		h.since.Store(now)
	}
	shown := max(h.shown.Load(), h.since.Load())
	if now-shown > int64(showEvery) {
		h.shown.Store(now)
		runtime.Gosched()
	}
}
