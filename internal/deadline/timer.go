// Package deadline has the two kinds of time limit that this library waits with.
//
// A Timer bounds one wait of one goroutine; timers are pooled, because a call that waits
// in a loop must not feed the garbage collector. A StopLimit bounds a stop that is
// under way: any number of goroutines may bring its end closer, none may move it away.
// A StopLimit has one lock, under which no other is taken.
package deadline

import (
	"sync"
	"time"
)

// Timer is a point in time that may be never.
type Timer struct {
	C     <-chan time.Time // delivers once, at the end; nil: never
	timer *time.Timer
}

var timers = sync.Pool{New: func() any {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}}

// After starts a timer; a negative duration is never. The caller must call Stop.
func After(d time.Duration) Timer {
	if d < 0 {
		return Timer{}
	}
	t := timers.Get().(*time.Timer)
	t.Reset(d)
	return Timer{C: t.C, timer: t}
}

// Stop gives the timer back. Its channel must not be used any more.
func (t Timer) Stop() {
	if t.timer != nil {
		t.timer.Stop()
		timers.Put(t.timer)
	}
}
