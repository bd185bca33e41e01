package core

import (
	"fmt"
	"time"

	"github.com/hermes-zmq/hermes/internal/notify"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// clockCheck tells a receiver that is slow from a clock that is wrong. A receiver that
// cannot keep up gets envelopes that are young at first and older later; where the clock of
// a sender is behind, all of its envelopes have the same great age. It remembers of which
// origins a young envelope has come, and how old those of the others were. It is guarded
// by the lock of the arrival.
type clockCheck struct {
	recent [256][]byte         // origins in prompt, by wire.StreamSlot: spares most searches
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

func (c *clockCheck) forget() { *c = clockCheck{} }

// young notes that an envelope of an origin, a JSON string, was young enough.
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

// old notes that an envelope was too old. Where all envelopes of its origin were, and about
// as old, it says so.
func (c *clockCheck) old(origin []byte, age float64) (suspicion string) {
	if _, ok := c.prompt[string(origin)]; ok || c.full {
		return ""
	}
	a := c.late[string(origin)]
	if a == nil {
		if !c.makeRoom(origin) {
			return ""
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
		return ""
	}
	name := wire.Text(origin, nil)
	if a.count == 1 {
		return fmt.Sprintf("it is the first one from %q: is its clock %s behind?", name, ageText(age))
	}
	return fmt.Sprintf("all %d envelopes from %q were about as old: its clock is probably %s behind", a.count, name, ageText(a.least))
}

// makeRoom counts one more origin. Where there are too many it gives up.
func (c *clockCheck) makeRoom(origin []byte) bool {
	if c.full || len(c.prompt)+len(c.late) >= knownClocks || c.bytes+len(origin) > clockBytes {
		*c = clockCheck{full: true}
		return false
	}
	c.bytes += len(origin)
	return true
}

// ageText is a time in seconds for people.
func ageText(s float64) string {
	const most = 100 * 365 * 24 * 3600 // beyond it a Duration may overflow
	if s > most {
		return "more than a century"
	}
	exact := time.Millisecond
	if s > 10 {
		exact = time.Second
	}
	return time.Duration(s * float64(time.Second)).Round(exact).String()
}

// aheadAfter is how far in the future an envelope must be dated to be noticed: as far as makes
// an age hardly worth measuring, and further than clocks on a network commonly differ.
func (l *limits) aheadAfter() float64 { return min(max(l.slowAfter, 0.1), 1) }

// noteAge notes the age of an envelope for the notices about clocks and about slowness.
func (a *arrival) noteAge(buf []byte, it *item, age float64, l *limits) (tooOld bool) {
	if l.onSlow == "ignore" {
		return false
	}
	origin := it.origin.of(buf)
	if age <= l.slowAfter {
		a.clockCheck.young(origin)
		if -age > l.aheadAfter() && !l.guard {
			a.stage.counters.FromFuture++
			l.ahead, l.future = -age, l.future+1
			l.aheadOrigin = append(l.aheadOrigin[:0], origin...)
		}
		return false
	}
	l.delay = age
	l.slow++
	l.slowTopic = append(l.slowTopic[:0], it.topic.of(buf)...)
	l.slowOrigin = append(l.slowOrigin[:0], origin...)
	l.suspicion = a.clockCheck.old(origin, age)
	return true
}

// reportSlow tells of envelopes that were too old on arrival; the caller holds the lock of
// the arrival.
func (r *Receiver) reportSlow(l *limits) {
	a := &r.arrival
	topic, origin := string(wire.Text(l.slowTopic, nil)), string(wire.Text(l.slowOrigin, nil))
	text := fmt.Sprintf("%s cannot keep up: an envelope of topic %q from %q was %.3f s old on arrival, the limit is %v",
		r.who(), topic, origin, l.delay, r.slowAfter)
	if l.suspicion != "" {
		text += "; " + l.suspicion + " (compare the clocks of both machines; option clock.skew = guard allows for the difference)"
	}
	e := notify.Event{Kind: "slow", Level: notify.Warning, Count: l.slow, Topic: topic, Origin: origin, Text: text}
	if a.over {
		e.Level, e.Count = notify.Error, 0
		r.events.Add(e)
		r.endLater("slow: " + text)
	} else if n, pass := a.slowPace.Pass(l.now, l.slow); pass {
		e.Count = n
		r.events.Add(e)
	}
}

// reportFuture tells of envelopes that are dated in the future, at most once a minute.
func (r *Receiver) reportFuture(l *limits) {
	a := &r.arrival
	n, pass := a.futurePace.PassEvery(notify.WarnEvery, l.now, l.future)
	if !pass {
		return
	}
	origin := string(wire.Text(l.aheadOrigin, nil))
	r.events.Add(notify.Event{Kind: "clock", Level: notify.Warning, Count: n, Origin: origin,
		Text: fmt.Sprintf("%s received an envelope from %q that is dated %.3f s in the future: its clock is ahead of the one here, "+
			"which hides how old its envelopes are (compare the clocks of both machines; option clock.skew = guard allows for the difference)",
			r.who(), origin, l.ahead)})
}
