package core

// lag is how late envelopes were on arrival, in seconds.
type lag struct {
	Lag    float64 `json:"lag"`     // of the newest
	LagMax float64 `json:"lag_max"` // the greatest since the start
	some   bool
}

// bounded is an age that can be reckoned with: a time from the wire may be any number.
func bounded(age float64) float64 {
	const most = 1e12 // seconds: more than anybody's clock is off
	return min(max(age, -most), most)
}

// age is how old an envelope is on arrival.
func (a *arrival) age(origin []byte, it *item, l *limits) float64 {
	age := it.received - it.time
	if l.guard {
		age = a.clocks.correct(origin, bounded(age), it.received)
	}
	g := &a.stage.lag
	g.Lag = age
	if !g.some || age > g.LagMax {
		g.LagMax, g.some = age, true
	}
	if age > l.slowAfter/2 {
		l.lag = age
		l.lagging++
	}
	return age
}

func (l *lag) add(m lag) {
	if !m.some {
		return
	}
	if !l.some {
		l.LagMax = m.LagMax
	}
	l.Lag, l.LagMax, l.some = m.Lag, max(l.LagMax, m.LagMax), true
}

// knownClocks and clockBytes bound the table of clocks.
const (
	knownClocks = 10_000
	clockBytes  = 4 << 20 // of origins
)

// drift is how much faster one clock may run than another, as a part of the time. What
// quartz does is less.
const drift = 200e-6

// clocks guards against clocks that differ: of each origin it knows the smallest age that
// an envelope ever had on arrival, which is the difference of the two clocks and the time
// of the quickest way. Older than that is what an envelope is on top of it.
type clocks struct {
	origins map[string]*offset
	bytes   int // length of all keys
}

type offset struct {
	least, at float64 // which is taken to grow with time, for clocks drift
}

func (c *clocks) forget() { c.origins, c.bytes = nil, 0 }

// correct gives the age of an envelope on top of the smallest of its origin.
func (c *clocks) correct(origin []byte, age, now float64) float64 {
	o := c.origins[string(origin)]
	if o == nil {
		o = c.learn(origin, age)
	}
	if least := o.least + max(now-o.at, 0)*drift; age > least {
		return age - least
	}
	o.least, o.at = age, now
	return 0
}

// learn makes room by forgetting all: an origin that is forgotten begins anew.
func (c *clocks) learn(origin []byte, age float64) *offset {
	if c.origins == nil || len(c.origins) >= knownClocks || c.bytes+len(origin) > clockBytes {
		c.origins, c.bytes = map[string]*offset{}, 0
	}
	o := &offset{least: age}
	c.bytes += len(origin)
	c.origins[string(origin)] = o
	return o
}
