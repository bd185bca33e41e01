package admission

import "github.com/hermes-zmq/hermes/internal/wire"

// clockCheck tells a receiver that is slow from a clock that is wrong. A receiver that
// cannot keep up gets envelopes that are young at first and older later; where the clock of
// a sender is behind, all of its envelopes have the same great age. It remembers of which
// origins a young envelope has come, and how old those of the others were.
type clockCheck struct {
	recent [256][]byte         // origins in prompt, by wire.StreamSlot: spares most look-ups
	prompt map[string]struct{} // origins that have sent a young envelope
	late   map[string]*ages    // origins that have sent nothing but old ones
	bytes  int                 // length of all keys
	full   bool                // there were too many origins; nothing is claimed any more
}

// ages are those of the envelopes of an origin that has sent nothing but old ones.
type ages struct {
	count       uint64
	least, most float64 // seconds
}

// Suspicion is that a clock is wrong: all envelopes of an origin, which are so many, were
// about as old, and Least was the smallest age, in seconds. Count is 0 where nothing
// speaks for it.
type Suspicion struct {
	Count uint64
	Least float64
}

func (c *clockCheck) reset() { *c = clockCheck{} }

// young notes that an envelope of an origin, a JSON value, was young enough.
func (c *clockCheck) young(origin []byte) {
	known := &c.recent[wire.StreamSlot(origin)]
	if string(*known) == string(origin) {
		return
	}
	*known = append((*known)[:0], origin...)
	if _, ok := c.prompt[string(origin)]; ok || !c.makeRoom(origin) {
		return
	}
	if c.prompt == nil {
		c.prompt = map[string]struct{}{}
	}
	c.prompt[string(origin)] = struct{}{}
	delete(c.late, string(origin))
}

// old notes that an envelope was too old, and gives the suspicion.
func (c *clockCheck) old(origin []byte, age float64) Suspicion {
	if _, ok := c.prompt[string(origin)]; ok || c.full {
		return Suspicion{}
	}
	a := c.late[string(origin)]
	if a == nil {
		if !c.makeRoom(origin) {
			return Suspicion{}
		}
		if c.late == nil {
			c.late = map[string]*ages{}
		}
		a = &ages{least: age, most: age}
		c.late[string(origin)] = a
	}
	a.count++
	a.least, a.most = min(a.least, age), max(a.most, age)
	const alike = 1.5 // times the least: beyond that they grow older, as they do where one cannot keep up
	if a.most > alike*a.least {
		return Suspicion{}
	}
	return Suspicion{a.count, a.least}
}

// makeRoom counts one more origin. Where there are too many it gives up.
func (c *clockCheck) makeRoom(origin []byte) bool {
	if c.full || len(c.prompt)+len(c.late) >= maxOrigins || c.bytes+len(origin) > maxOriginBytes {
		*c = clockCheck{full: true}
		return false
	}
	c.bytes += len(origin)
	return true
}
