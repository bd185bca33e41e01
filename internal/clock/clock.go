// Package clock has the two clocks of this library.
//
// The time of day is what envelopes are stamped with and what their age is measured by.
// It may be set at any moment, so no wait is timed by it. Waits, timeouts and pauses use
// the monotonic clock, which only ever goes forward. No lock is taken here.
package clock

import (
	"sync/atomic"
	"time"
)

// TimeOfDay is the present time by the system's clock.
func TimeOfDay() time.Time { return time.Now().Add(time.Duration(step.Load())) }

var step atomic.Int64

// Step makes the time of day of this process differ from the system's clock by so much; 0
// ends that. It is for tests of what happens when the system's clock is set.
func Step(by time.Duration) { step.Store(int64(by)) }

// Monotonic is the time since the process began.
func Monotonic() time.Duration { return time.Since(epoch) }

var epoch = time.Now()

// Seconds is a time as the wire and the statistics write it: seconds since the Unix
// epoch, to the microsecond.
func Seconds(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }
