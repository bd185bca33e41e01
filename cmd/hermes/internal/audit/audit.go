// Package audit proves that no envelope has vanished between components that publish their own state: it collects
// the last state of each, and compares what one has sent over a connection with what the other has received.
//
//	publisher --- connections ---> post office --- connections ---> receiver
//	inside: accepted = sent + queued + named losses       inside: arrived = delivered + queued + named losses
//	            inside: in = out + unwanted + dropped
//
// Rules. Components announce a random instance in their handshakes, by which both ends of a connection
// are found; connections that have ended stay in their counters. Envelopes of system topics are left out of
// what is compared, since the states themselves are such: they never come to rest. Everything else has to: a
// comparison holds once every component has said the same twice.
//
// What is proved of a connection: sent by one end and received by the other are equal, or the difference has
// a name. If a connection has ended, what the kernels held may be gone: "broken". If a component is gone
// (it was killed), its counters are those of its last state, and what came behind is "after the last state". Any
// other difference is unexplained, and so is one inside a component.
//
// An Auditor is for one goroutine.
package audit

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/hermes-zmq/hermes/internal/systemtopic"
)

// leastGone is how long a component is silent for at least before it counts as gone; otherwise that is four times
// the longest pause between two of its states.
const leastGone = time.Second

// Limits of an Auditor. Without a policy every program may publish under $hermes, and a balance compares each
// component with each other one.
const (
	maxParts = 1000
	maxWrong = 100
	maxState = 8 << 20 // bytes of the data of one envelope
)

// Auditor collects states.
type Auditor struct {
	parts map[string]*part // by instance
	wrong map[string]error // what could not be read, by topic
	more  uint64           // envelopes that the limits left out
}

// part is what is known of one component.
type part struct {
	*state
	kind, shown string // as in topics
	ts          float64
	heard       time.Time
	pause       time.Duration // the longest between two states
	same        int           // how many states in a row had this fingerprint
	print       string
	changed     time.Time // when that was another one
	least       int64     // seam: that nearest to 0 since then
	stopped     bool      // it has said that it stops
}

// New makes an Auditor that knows nothing.
func New() *Auditor {
	return &Auditor{parts: map[string]*part{}, wrong: map[string]error{}}
}

// Add takes in an envelope of a system topic, with its time. Others, events, and what came before over another
// path are ignored.
func (a *Auditor) Add(topic string, data []byte, ts float64, now time.Time) {
	kind, name, what, ok := systemtopic.Parse(topic)
	if !ok || what != systemtopic.Stats {
		return
	}
	if len(data) > maxState {
		a.more++
		return
	}
	s, err := parse(data)
	if err != nil {
		if _, known := a.wrong[topic]; !known && len(a.wrong) >= maxWrong {
			a.more++
			return
		}
		a.wrong[topic] = err
		return
	}
	p := a.parts[s.Instance]
	switch {
	case p == nil && len(a.parts) >= maxParts:
		a.more++
		return
	case p == nil:
		p = &part{kind: kind, shown: name, heard: now}
		a.parts[s.Instance] = p
	case ts <= p.ts:
		return
	}
	p.ts, p.pause = ts, max(p.pause, now.Sub(p.heard))
	p.state, p.heard = s, now
	p.stopped = s.State != "running"
	n := s.seam()
	if print := s.fingerprint(); print != p.print {
		p.print, p.same, p.changed, p.least = print, 1, now, n
	} else if p.same++; abs(n) < abs(p.least) {
		p.least = n
	}
}

// gone reports whether a component is silent for too long, or has stopped.
func (p *part) gone(now time.Time) bool {
	return p.stopped || now.Sub(p.heard) > max(leastGone, 4*p.pause)
}

// settled is how many states in a row have to be the same.
const settled = 3

// Still reports whether there are components, and nothing moves any more: each has said the same several times,
// and once more since any other has changed, or is gone. One that was killed keeps its connections from being
// still in the eyes of the others.
func (a *Auditor) Still(now time.Time) bool {
	var last time.Time
	for _, p := range a.parts {
		if p.changed.After(last) {
			last = p.changed
		}
	}
	for _, p := range a.parts {
		if !p.gone(now) && (p.same < settled || !p.heard.After(last)) {
			return false
		}
	}
	return len(a.parts) > 0
}

// Restart makes Still look only at what comes from now on.
func (a *Auditor) Restart() {
	for _, p := range a.parts {
		p.same = 0
	}
}

// Loss is envelopes that have ended somewhere, and why.
type Loss struct {
	Name  string `json:"name"`
	Count uint64 `json:"count"`
}

// Part is one component in a Report.
type Part struct {
	Kind        string `json:"kind"`
	Name        string `json:"name"`
	Instance    string `json:"instance"`
	Gone        bool   `json:"gone"` // the counters are those of its last state
	Accepted    uint64 `json:"accepted,omitempty"`
	Passed      uint64 `json:"passed,omitempty"` // by a post office: to at least one receiver
	Delivered   uint64 `json:"delivered,omitempty"`
	Waiting     uint64 `json:"waiting"`
	Losses      []Loss `json:"losses"`
	Unexplained int64  `json:"unexplained"`
	What        string `json:"what,omitempty"` // is unexplained
}

// Link is all connections from one component to another, present and ended, without system topics.
type Link struct {
	From        string `json:"from"`
	To          string `json:"to"`
	Sent        uint64 `json:"sent"`
	Received    uint64 `json:"received"`
	Waiting     uint64 `json:"waiting"`
	Losses      []Loss `json:"losses"`
	Unexplained int64  `json:"unexplained"`
}

// Report is a balance.
type Report struct {
	Parts       []Part   `json:"parts"`
	Links       []Link   `json:"links"`
	Accepted    uint64   `json:"accepted"`
	Delivered   uint64   `json:"delivered"`
	Losses      []Loss   `json:"losses"`
	Unexplained uint64   `json:"unexplained"`
	Still       bool     `json:"still"` // nothing moved any more
	Problems    []string `json:"problems"`
}

// Report draws the balance from the last states.
func (a *Auditor) Report(now time.Time) *Report {
	r := &Report{Still: a.Still(now), Parts: []Part{}, Links: []Link{}, Losses: []Loss{}, Problems: []string{}}
	sums := map[string]uint64{}
	for _, p := range a.sorted() {
		part := p.report(now)
		r.Parts = append(r.Parts, part)
		r.Accepted += part.Accepted
		r.Delivered += part.Delivered
		r.take(sums, part.Losses, part.Unexplained)
		for _, q := range a.sorted() {
			if link, some := a.link(p, q, now); some {
				r.Links = append(r.Links, link)
				r.take(sums, link.Losses, link.Unexplained)
			}
		}
	}
	for name, n := range sums {
		r.Losses = append(r.Losses, Loss{name, n})
	}
	slices.SortFunc(r.Losses, func(a, b Loss) int { return cmp.Compare(a.Name, b.Name) })
	for topic, err := range a.wrong {
		r.Problems = append(r.Problems, fmt.Sprintf("%s: %v", topic, err))
	}
	if a.more > 0 {
		r.Problems = append(r.Problems, fmt.Sprintf("%d envelopes are left out: an audit takes in %d components, and %d bytes of each", a.more, maxParts, maxState))
	}
	slices.Sort(r.Problems)
	return r
}

// take adds losses to the sums.
func (r *Report) take(sums map[string]uint64, losses []Loss, unexplained int64) {
	for _, l := range losses {
		sums[l.Name] += l.Count
	}
	r.Unexplained += uint64(abs(unexplained))
}

func (a *Auditor) sorted() (all []*part) {
	for _, p := range a.parts {
		all = append(all, p)
	}
	order := []string{"publisher", "postoffice", "receiver"}
	slices.SortFunc(all, func(a, b *part) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.kind), slices.Index(order, b.kind)), cmp.Compare(a.shown, b.shown), cmp.Compare(a.Instance, b.Instance))
	})
	return all
}

// String names the component.
func (p *part) String() string { return p.kind + "/" + p.shown }

func (p *part) report(now time.Time) Part {
	sends, _ := p.sides()
	system := uint64(0)
	for _, c := range sends {
		system += c.System
	}
	out := Part{Kind: p.kind, Name: p.shown, Instance: p.Instance, Gone: p.gone(now), Passed: p.Out, Delivered: p.Delivered,
		Waiting: p.Queued + p.Held, Losses: p.losses(), Unexplained: p.imbalance()}
	out.Accepted = p.Accepted - min(p.Accepted, system)
	if out.Unexplained != 0 {
		out.What = "not accounted for by its counters"
	} else if p.least != 0 && (p.same >= settled || !out.Gone) {
		out.Unexplained, out.What = p.least, "lost between its counters and its connections"
	}
	return out
}

// link compares what p has sent to q with what q has received from p; some is false if they have had no connection.
func (a *Auditor) link(p, q *part, now time.Time) (l Link, some bool) {
	sends, _ := p.sides()
	_, receives := q.sides()
	l = Link{From: p.String(), To: q.String(), Losses: []Loss{}}
	var dropped, unsent uint64
	broken := false
	for _, c := range sends {
		if c.Instance != q.Instance {
			continue
		}
		some = true
		l.Sent += c.Sent - c.System
		l.Waiting += c.Queue
		dropped, unsent = dropped+c.Dropped, unsent+c.Unsent
		broken = broken || c.Connections > 0
	}
	for _, c := range receives {
		if c.Instance != p.Instance {
			continue
		}
		some = true
		l.Received += c.Received - c.ReceivedSystem
		broken = broken || c.Connections > 0
	}
	add := func(name string, n uint64) {
		if n > 0 {
			l.Losses = append(l.Losses, Loss{name, n})
		}
	}
	add("dropped_for_it", dropped)
	add("unsent", unsent)
	switch rest := int64(l.Sent) - int64(l.Received); {
	case rest > 0 && q.gone(now), rest < 0 && p.gone(now):
		add("after_the_last_state", uint64(abs(rest)))
	case rest > 0 && broken:
		add("broken_connection", uint64(rest))
	default:
		l.Unexplained = rest
	}
	return l, some
}

func abs(n int64) int64 { return max(n, -n) }
