package admission

import (
	"time"

	"github.com/hermes-zmq/hermes/internal/recvqueue"
)

// tooOld measures the age of a record, which lies in buf, and reports whether it is to be
// dropped for it.
func (c *Control) tooOld(buf []byte, r *recvqueue.Record) bool {
	origin := r.Origin.Of(buf)
	if c.rules.Origins == AgeOfAccepted && !c.accepted(origin) {
		return false // the program decides whether it wants it, and only what is wanted can be too late
	}
	age := r.Received - r.Time
	if c.rules.GuardClocks {
		age = c.skew.correct(origin, bounded(age), r.Received)
	}
	c.staged.Lag.Note(age)
	if c.rules.OnSlow == IgnoreAge {
		return false
	}
	limit := c.rules.SlowAfter.Seconds()
	if age > limit/2 {
		c.found.Lag = age
		c.found.Lagging++
	}
	if age > limit {
		c.found.noteSlow(age, r.Topic.Of(buf), origin, c.clocks.old(origin, age))
		return c.rules.OnSlow == DropStale || c.rules.OnSlow == StopReceiver && !c.madeLate(age)
	}
	c.clocks.young(origin)
	if -age > aheadAfter(limit) && !c.rules.GuardClocks {
		c.staged.Counters.FromFuture++
		c.found.noteFuture(-age, origin)
	}
	return false
}

// madeLate reports whether an envelope of this age may be late because the receiver itself has
// held back its peers, whose application takes slowly. It does not stop for that: in 1.x, which
// read whatever came, such an envelope was in time.
func (c *Control) madeLate(age float64) bool {
	return c.queue.HeldBackWithin(time.Duration(min(age, maxAge) * float64(time.Second)))
}

// maxAge is an age, in seconds, that every duration can express.
const maxAge = 1e9

// aheadAfter is how far in the future an envelope must be dated to be noticed, in seconds,
// where envelopes may be so old: as far as makes an age hardly worth measuring, and further
// than clocks on a network commonly differ.
func aheadAfter(slowAfter float64) float64 { return min(max(slowAfter, 0.1), 1) }

// bounded is an age that can be reckoned with: a time from the wire may be any number.
func bounded(age float64) float64 {
	const most = 1e12 // seconds: more than any clock is off
	return min(max(age, -most), most)
}

// maxOrigins and maxOriginBytes bound the tables of clocks.
const (
	maxOrigins     = 10_000
	maxOriginBytes = 4 << 20
)

// drift is how much faster one clock may run than another, as a part of the time. Quartz
// drifts less.
const drift = 200e-6

// skewGuard allows for clocks that differ: of each origin it knows the smallest age that
// an envelope ever had on arrival, which is the difference of the two clocks and the time
// of the quickest way. It takes as age what an envelope is older than that.
type skewGuard struct {
	origins map[string]*offset
	bytes   int // length of all keys
}

type offset struct {
	least, at float64 // the smallest age, in s, and when; it is taken to grow with time, for clocks drift
}

func (g *skewGuard) reset() { g.origins, g.bytes = nil, 0 }

// correct gives the age of an envelope on top of the smallest of its origin.
func (g *skewGuard) correct(origin []byte, age, now float64) float64 {
	o := g.origins[string(origin)]
	if o == nil {
		o = g.learn(origin, age)
	}
	if least := o.least + max(now-o.at, 0)*drift; age > least {
		return age - least
	}
	o.least, o.at = age, now
	return 0
}

// learn adds an origin. It makes room by forgetting all: an origin that is forgotten begins
// anew.
func (g *skewGuard) learn(origin []byte, age float64) *offset {
	if g.origins == nil || len(g.origins) >= maxOrigins || g.bytes+len(origin) > maxOriginBytes {
		g.origins, g.bytes = map[string]*offset{}, 0
	}
	o := &offset{least: age}
	g.bytes += len(origin)
	g.origins[string(origin)] = o
	return o
}
