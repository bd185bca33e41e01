// Package sysmon keeps Go's monitor thread asleep while a thread outside of Go calls in
// again and again.
//
// Between its calls such a thread keeps one of Go's processors, and to the monitor (sysmon,
// in runtime/proc.go) all of them look like one system call that does not end. After 10 ms
// the monitor takes the processor away, and having had something to do it looks around
// every 20 µs for a while. Where little is going on that costs more than everything else.
// A turn of the scheduler now and then shows it that the processor is in use, and lets it
// sleep.
package sysmon

import (
	"runtime"
	"sync/atomic"
	"time"

	"github.com/hermes-zmq/hermes/internal/clock"
)

// KeepAlive is for one such thread. All methods may be called from any goroutine. Its fields
// are times on the monotonic clock.
type KeepAlive struct {
	called atomic.Int64 // the last call
	since  atomic.Int64 // the first of those that have followed each other quickly
	shown  atomic.Int64
}

const (
	// retakeAfter: a thread that calls more rarely has lost its processor in between.
	retakeAfter = 10 * time.Millisecond
	// showEvery is well within it.
	showEvery = 8 * time.Millisecond
)

// Show is called where there is time for it: it costs two switches of threads.
func (k *KeepAlive) Show() {
	now := int64(clock.Monotonic())
	if now-k.called.Swap(now) > int64(retakeAfter) {
		k.since.Store(now)
	}
	shown := max(k.shown.Load(), k.since.Load())
	if now-shown > int64(showEvery) {
		k.shown.Store(now)
		runtime.Gosched()
	}
}
