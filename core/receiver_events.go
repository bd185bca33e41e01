package core

import (
	"cmp"
	"fmt"
	"time"

	"github.com/hermes-zmq/hermes/internal/admission"
	"github.com/hermes-zmq/hermes/internal/notify"
	"github.com/hermes-zmq/hermes/internal/queue"
	"github.com/hermes-zmq/hermes/internal/telemetry"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// receiverLimits let one event of a kind through in an interval. Admission's lock guards
// them: it is held whenever admission reports.
type receiverLimits struct {
	malformed, overflow, lost, lagging, slow, future notify.Limiter
}

// report turns what admission has noticed in a batch into events.
func (r *Receiver) report(f *admission.Findings) {
	if f.Malformed > 0 {
		if n, pass := r.limits.malformed.Pass(f.Now, f.Malformed); pass {
			r.events.Add(notify.Event{Kind: "malformed", Level: notify.Warning, Count: n,
				Text: fmt.Sprintf("%s skipped malformed input: %v", r.who(), f.Err)})
		}
	}
	if f.Dropped > 0 {
		r.reportFull(f)
	}
	if f.Lost > 0 {
		r.reportLost(f)
	}
	if f.Lagging > f.Slow && !f.Stopped {
		if n, pass := r.limits.lagging.Pass(f.Now, f.Lagging); pass {
			r.events.Add(notify.Event{Kind: "lagging", Level: notify.Warning, Count: n,
				Text: fmt.Sprintf("%s falls behind: an envelope was %.3f s old on arrival, the limit is %v", r.who(), f.Lag, r.slowAfter)})
		}
	}
	if f.Future > 0 {
		r.reportFuture(f)
	}
	if f.Slow > 0 {
		r.reportSlow(f)
	}
}

// reportFull tells that the queue is full, and what that has cost.
func (r *Receiver) reportFull(f *admission.Findings) {
	text := fmt.Sprintf("the queue of %s is full: %s envelopes or %s bytes", r.who(), r.queueMessages, r.queueBytes)
	if r.queueFull.Get() == queue.Error {
		r.events.Add(notify.Event{Kind: "overflow", Level: notify.Error, Count: uint64(f.Dropped), Text: text})
		r.endLater("overflow: " + text)
	} else if n, pass := r.limits.overflow.Pass(f.Now, uint64(f.Dropped)); pass {
		r.events.Add(notify.Event{Kind: "overflow", Level: notify.Warning, Count: n, Text: fmt.Sprintf("%s, %d dropped (queue.full = %s)", text, n, r.queueFull)})
	}
}

// reportLost tells of a gap in a stream.
func (r *Receiver) reportLost(f *admission.Findings) {
	n, pass := r.limits.lost.Pass(f.Now, f.Lost)
	if !pass {
		return
	}
	e := notify.Event{Kind: "lost", Level: notify.Warning, Count: n,
		Topic: string(wire.Text(f.LostTopic, nil)), Origin: string(wire.Text(f.LostOrigin, nil))}
	e.Text = fmt.Sprintf("%s: %d envelopes are lost, most recently of topic %q from %q", r.who(), n, e.Topic, e.Origin)
	r.events.Add(e)
}

// reportSlow tells of envelopes that were too old on arrival.
func (r *Receiver) reportSlow(f *admission.Findings) {
	e := notify.Event{Kind: "slow", Level: notify.Warning,
		Topic: string(wire.Text(f.SlowTopic, nil)), Origin: string(wire.Text(f.SlowOrigin, nil))}
	if f.Stopped {
		e.Level = notify.Error
	} else {
		var pass bool
		if e.Count, pass = r.limits.slow.Pass(f.Now, f.Slow); !pass {
			return
		}
	}
	e.Text = fmt.Sprintf("%s cannot keep up: an envelope of topic %q from %q was %.3f s old on arrival, the limit is %v",
		r.who(), e.Topic, e.Origin, f.SlowAge, r.slowAfter)
	if s := suspicion(e.Origin, f.Suspicion); s != "" {
		e.Text += "; " + s + " (compare the clocks of both machines; option clock.skew = guard allows for the difference)"
	}
	r.events.Add(e)
	if f.Stopped {
		r.endLater("slow: " + e.Text)
	}
}

// stateOptions are those of a receiver's own connections that hold for the one that carries its state.
var stateOptions = []string{"engine", "message.bytes", "heartbeat.interval", "heartbeat.timeout", "reconnect.min", "reconnect.max",
	"handshake.timeout", "curve.secret", "curve.server", "tls.cert", "tls.key", "tls.ca", "tls.pins", "tls.name"}

// openStatsPublisher starts the publisher of the option "stats.address", if it is set.
func (r *Receiver) openStatsPublisher() error {
	at := r.statsAddress.Get()
	if at == "" {
		if r.shows.reporter.Active() && r.statePublisher() == nil {
			return errorf(EOPTION, "%s: option stats.interval is set, but there is nothing to publish with: set option stats.address to the incoming side of a post office, or make the receiver part of a node with a publisher", r.who())
		}
		return nil
	}
	p, err := NewPublisher(at, r.name)
	for _, key := range stateOptions {
		if mine, ok := r.options.Find(key); ok && err == nil {
			err = p.Set(key, mine.String())
		}
	}
	if err == nil {
		p.events.CopyTo(&r.events, func(e notify.Event) bool { return e.Level != notify.Info })
		err = p.Start()
	}
	if err != nil {
		return &Error{Code: CodeOf(err), Text: fmt.Sprintf("%s: option stats.address: %v", r.who(), err), Err: err}
	}
	r.setStatsPublisher(p)
	return nil
}

// closeStatsPublisher ends it.
func (r *Receiver) closeStatsPublisher(timeout time.Duration) {
	r.mu.Lock()
	p := r.statsPublisher
	r.statsPublisher = nil
	r.mu.Unlock()
	if p != nil {
		_ = p.Stop(timeout) // what it could not send is the state of a moment
		_ = p.Close()
	}
}

func (r *Receiver) setStatsPublisher(p *Publisher) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.statsPublisher = p
}

// statePublisher is what publishes the state of the receiver, or nil.
func (r *Receiver) statePublisher() *Publisher {
	r.mu.Lock()
	defer r.mu.Unlock()
	return cmp.Or(r.statsPublisher, r.nodePublisher)
}

// stateAudience is who may hear of it, or nil.
func (r *Receiver) stateAudience() *telemetry.Audience {
	if p := r.statePublisher(); p != nil {
		return &p.audience
	}
	return nil
}

// publishState publishes an envelope about the receiver.
func (r *Receiver) publishState(topic, origin, data []byte) bool {
	p := r.statePublisher()
	return p != nil && p.publishState(topic, origin, data)
}

// suspicion says that a clock is wrong, or "" where nothing speaks for it.
func suspicion(origin string, s admission.Suspicion) string {
	switch s.Count {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("it is the first one from %q, whose clock may be %s behind", origin, ageText(s.Least))
	}
	return fmt.Sprintf("all %d envelopes from %q were about equally old: its clock is probably %s behind", s.Count, origin, ageText(s.Least))
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

// reportFuture tells of envelopes that are dated in the future, at most once a minute.
func (r *Receiver) reportFuture(f *admission.Findings) {
	n, pass := r.limits.future.PassEvery(time.Minute, f.Now, f.Future)
	if !pass {
		return
	}
	origin := string(wire.Text(f.FutureOrigin, nil))
	r.events.Add(notify.Event{Kind: "clock", Level: notify.Warning, Count: n, Origin: origin,
		Text: fmt.Sprintf("%s received an envelope from %q that is dated %.3f s in the future: its clock is ahead of that of this machine, "+
			"so the age of its envelopes is measured too low (compare the clocks of both machines; option clock.skew = guard allows for the difference)",
			r.who(), origin, f.Ahead)})
}
