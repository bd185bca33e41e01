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
type holder struct {
	shown atomic.Int64 // when, on the monotonic clock
}

// showEvery is well within the monitor's patience.
const showEvery = 8 * time.Millisecond

// show is called where there is time for it: it costs two switches of threads.
func (h *holder) show() {
	now, last := int64(monotonic()), h.shown.Load()
	if now-last > int64(showEvery) && h.shown.CompareAndSwap(last, now) {
		runtime.Gosched()
	}
}
