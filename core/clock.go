package core

import (
	"sync/atomic"
	"time"
)

// timeOfDay is what envelopes are stamped with, and their age is measured by. Somebody
// may set it at any moment, so nothing is timed by it: that is done by the monotonic
// clock, which is in what time.Now gives.
func timeOfDay() time.Time { return time.Now().Add(time.Duration(clockStep.Load())) }

// clockStep is by how much a test has set the time of day.
var clockStep atomic.Int64
