package recvqueue

import "github.com/hermes-zmq/hermes/internal/invariants"

// Counters account for every message that has arrived, in envelopes. At any moment
//
//	Arrived = Delivered + queued + Held + DroppedOrigin + DroppedStale + DroppedMalformed +
//		DroppedOverflow + DroppedOld + DroppedConflated + DroppedDuplicate
//
// The other counters are in none of the sums.
type Counters struct {
	Arrived          uint64
	Delivered        uint64
	DroppedOrigin    uint64
	DroppedStale     uint64
	DroppedMalformed uint64
	DroppedOverflow  uint64
	DroppedOld       uint64
	DroppedConflated uint64
	DroppedDuplicate uint64
	FromFuture       uint64
	Cached           uint64
	Held             int64 // in reorder buffers
	Lost             uint64
	Duplicates       uint64
}

// add adds what admission counts; the rest is counted here.
func (c *Counters) add(d *Counters) {
	c.Arrived += d.Arrived
	c.DroppedOrigin += d.DroppedOrigin
	c.DroppedStale += d.DroppedStale
	c.DroppedOverflow += d.DroppedOverflow
	c.DroppedMalformed += d.DroppedMalformed
	c.DroppedDuplicate += d.DroppedDuplicate
	c.FromFuture += d.FromFuture
	c.Cached += d.Cached
	c.Held += d.Held
	c.Lost += d.Lost
	c.Duplicates += d.Duplicates
}

// check checks the sum above.
func (c *Counters) check(queued int64) {
	sum := c.Delivered + uint64(queued) + uint64(c.Held) + c.DroppedOrigin + c.DroppedStale + c.DroppedMalformed +
		c.DroppedOverflow + c.DroppedOld + c.DroppedConflated + c.DroppedDuplicate
	invariants.Check(c.Arrived == sum, "%d envelopes have arrived and %d are accounted for: %+v, %d queued", c.Arrived, sum, *c, queued)
}

// Lag is how late envelopes were on arrival, in seconds.
type Lag struct {
	Newest float64 // of the newest envelope
	Max    float64 // the greatest since the start
	some   bool
}

// Note takes in the age of one more envelope.
func (l *Lag) Note(age float64) {
	l.Newest = age
	if !l.some || age > l.Max {
		l.Max, l.some = age, true
	}
}

// add takes in the ages of newer envelopes.
func (l *Lag) add(m Lag) {
	if !m.some {
		return
	}
	if !l.some {
		l.Max = m.Max
	}
	l.Newest, l.Max, l.some = m.Newest, max(l.Max, m.Max), true
}
