package sites

import (
	"fmt"
	"time"

	"github.com/hermes-zmq/hermes/internal/notify"
)

// Hear takes in what has arrived. It keeps no reference to data.
func (s *Sites) Hear(data []byte) {
	s.do(func() {
		if !s.running {
			return
		}
		m, ok := read(data)
		if !ok {
			s.stats.Malformed++
			return
		}
		if m.run == s.own.run {
			return // NATS has returned it
		}
		s.stats.Heard++
		s.take(&m)
	})
}

// take takes in a message of another site.
func (s *Sites) take(m *message) {
	switch m.kind {
	case ask:
		s.asked(m)
		return
	case goodbye:
		s.bye(m.run)
		return
	}
	x := s.find(m.run)
	if x == nil {
		return
	}
	x.heard = s.now
	switch m.kind {
	case hello:
		s.hello(x, m)
		s.state(x, m)
	case beat:
		s.state(x, m)
	case delta:
		s.delta(x, m)
	case snapshot:
		s.chunk(x, m)
	}
	s.checkName(x)
	if (x.behind() || x.wantsHello) && x.askAt == 0 {
		x.askAt = s.soon()
	}
}

// find is the site of a run. If it is not known it is new: a hello may be lost. nil: it has left, or there are
// too many.
func (s *Sites) find(run uint64) *site {
	if x := s.sites[run]; x != nil {
		return x
	}
	if _, left := s.left[run]; left {
		return nil // this message was overtaken
	}
	if len(s.sites) >= MaxSites {
		s.stats.Refused++
		s.warn("backbone_full", "more than %d sites are on the backbone: others are not heard", MaxSites)
		return nil
	}
	x := &site{run: run, since: s.now, set: map[string]struct{}{}, wantsHello: true}
	s.sites[run] = x
	s.routes.expect(run)
	s.beatAt = min(s.beatAt, s.soon()) // it may not know of this one
	return x
}

// remove forgets a site.
func (s *Sites) remove(x *site) {
	s.release(x)
	s.forget(x)
	s.routes.forget(x.run)
	s.named(x, -1)
	delete(s.sites, x.run)
}

// bye takes in that a site has left. What is still on its way must not bring it back.
func (s *Sites) bye(run uint64) {
	if len(s.left) < MaxSites {
		s.left[run] = s.now
	}
	delete(s.askers, run)
	if x := s.sites[run]; x != nil {
		s.tell(x, "backbone_site_left", notify.Info, "has left")
		s.remove(x)
	}
}

// hello takes in what a site says of itself.
func (s *Sites) hello(x *site, m *message) {
	if m.flags&answerWithBeat != 0 {
		s.beatAt = min(s.beatAt, s.soon())
	}
	if m.info == x.info {
		return
	}
	came := x.info == 0
	s.named(x, -1)
	x.info, x.name = m.info, m.name
	s.named(x, 1)
	var offices []string
	m.list.each(func(o []byte) { offices = append(offices, string(o)) })
	s.routes.set(x.run, offices)
	x.durable.set(s.own.durable, m.durable)
	if came {
		s.tell(x, "backbone_site_came", notify.Info, "has joined")
	}
}

// asked takes in that a site asks for something.
func (s *Sites) asked(m *message) {
	if len(s.askers) < MaxSites {
		s.askers[m.run] |= m.flags
	}
	if s.answer == 0 {
		s.answer = s.soon()
	}
}

// answerDue answers those who have asked: one alone, or all at once.
func (s *Sites) answerDue() {
	if s.answer == 0 || s.now < s.answer {
		return
	}
	to, flags := "", byte(0)
	for run, f := range s.askers {
		to, flags = s.to(run), flags|f
	}
	if len(s.askers) > 1 {
		to = s.everyone()
	}
	if flags&askHello != 0 {
		s.send(to, s.own.hello(0))
	}
	if flags&askSnapshot != 0 {
		if s.now < s.rested {
			s.answer = s.rested // those who have had their hello get another one
			return
		}
		size := 0
		for _, c := range s.own.snapshot() {
			size += len(c)
			s.send(to, c)
		}
		s.stats.Snapshots++
		s.rested = s.now + pause + pauseMB*time.Duration(size)/(1<<20)
	}
	clear(s.askers)
	s.answer = 0
}

// askDue asks a site for what is missing, again and again with longer pauses.
func (s *Sites) askDue(x *site) {
	if x.all && s.now >= x.retry {
		x.doubt, x.retry = true, s.now+retryEvery
	}
	flags := byte(0)
	if x.behind() {
		flags |= askSnapshot
	}
	if x.wantsHello {
		flags |= askHello
	}
	switch {
	case flags == 0:
		x.askAt, x.earlier = 0, 0
		return
	case x.askAt == 0:
		x.askAt = s.soon()
		return
	case s.now < x.askAt:
		return
	}
	s.stats.Asks++
	s.send(s.to(x.run), append(begin(ask, s.own.run), flags))
	x.earlier = min(max(2*x.earlier, askAgain), askMost)
	x.askAt = s.now + x.earlier + s.random(x.earlier/4)
}

// named counts the sites of a name.
func (s *Sites) named(x *site, by int) {
	if x.info == 0 {
		return
	}
	if s.names[x.name] += by; s.names[x.name] == 0 {
		delete(s.names, x.name)
	}
}

// checkName finds two sites of one name that both live. One that was restarted does not: the first
// of its runs is silent. x has just been heard.
func (s *Sites) checkName(x *site) {
	if x.info == 0 {
		return
	}
	if x.name == s.own.name && s.now-max(s.since, x.since) > overlap {
		s.warn("backbone_same_name", "another post office on the backbone is named %q as well (%016x): give each site a name of its own", x.name, x.run)
	}
	if s.names[x.name] < 2 || !s.due("backbone_same_name") {
		return
	}
	for _, y := range s.sites {
		if y != x && y.info != 0 && y.name == x.name && x.since <= y.since && s.now-y.since > overlap {
			s.warn("backbone_same_name", "two post offices on the backbone are named %q (%016x and %016x): give each site a name of its own", x.name, x.run, y.run)
			return
		}
	}
}

// title names a site in texts.
func (x *site) title() string {
	if x.info == 0 {
		return fmt.Sprintf("%016x", x.run)
	}
	return fmt.Sprintf("%q (%016x)", x.name, x.run)
}

// tell announces what a site does, once its name is known.
func (s *Sites) tell(x *site, kind, level, what string) {
	if x.info != 0 {
		s.out.events = append(s.out.events, notify.Event{Kind: kind, Level: level, Text: "site " + x.title() + " of the backbone " + what})
	}
}

// warn announces a problem, each kind once a minute at most.
func (s *Sites) warn(kind, format string, args ...any) {
	if !s.due(kind) {
		return
	}
	s.warned[kind] = s.now
	s.out.events = append(s.out.events, notify.Event{Kind: kind, Level: notify.Error, Text: fmt.Sprintf(format, args...)})
}

// due reports whether a problem may be announced now.
func (s *Sites) due(kind string) bool {
	last, warned := s.warned[kind]
	return !warned || s.now-last >= notify.WarnEvery
}
