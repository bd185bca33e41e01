// Package telemetry lets a component publish its own state as envelopes: its counters at an
// interval, and its events as they happen (package systemtopic has the topics). It hides when that
// is done, and for whom.
//
//	events of the component -> Reporter.Events (a copy) -+
//	timer, new subscriber ------------------------------+-> goroutine -> Config.Publish
//
// Rules. Nothing is made while no peer subscribes to it (Audience). A new subscriber gets the
// counters at once, but not more often than every soonest. Publish never waits for room: an
// envelope for which there is none is skipped and counted. Nothing here is on the path of envelopes;
// the cost of a component that shows itself is one goroutine with a timer.
//
// Locks: Reporter.mu guards one Begin or End at a time, and is taken before all others. Audience.mu is
// taken with a carrier's event lock held, and no other is taken under it.
package telemetry

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/hermes-zmq/hermes/internal/notify"
	"github.com/hermes-zmq/hermes/internal/safe"
	"github.com/hermes-zmq/hermes/internal/systemtopic"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// soonest is the shortest time between two reports of counters.
const soonest = 50 * time.Millisecond

// Config is what a Reporter needs of its component.
type Config struct {
	Kind     string               // as in topics
	Interval func() time.Duration // 0: nothing is published
	Stats    func() []byte        // a JSON object
	// Event encodes an event as JSON.
	Event func(notify.Event) []byte
	// Publish publishes an envelope of three JSON values, without waiting, and reports whether there
	// was room.
	Publish func(topic, origin, data []byte) bool
	Fail    func(error) // of a goroutine that panics
}

// Reporter publishes the state of one component, over all its runs. All methods may be called from
// any goroutine, but not from Config's functions.
type Reporter struct {
	cfg     Config
	Events  notify.Log // a copy of those of the component, while it is Active
	skipped atomic.Uint64

	mu      sync.Mutex
	run     *run // of the component; nil: it does not run
	changed chan struct{}
}

// run is one run of a component.
type run struct {
	audience              *Audience
	origin, stats, events []byte // frames
	stop                  chan struct{}
	ended                 chan struct{} // closed when the goroutine has ended; nil: there is none
}

// Init makes a zero Reporter ready for use.
func (r *Reporter) Init(cfg Config) {
	r.cfg, r.changed = cfg, make(chan struct{}, 1)
}

// Begin begins a run of a component that is called name; it publishes for audience, where that is
// not nil.
func (r *Reporter) Begin(name string, audience *Audience) {
	frame := func(text string) []byte {
		b, err := wire.AppendString(nil, text)
		if err != nil { // names are checked when components are made
			return []byte(`""`)
		}
		return b
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if audience == nil {
		return
	}
	r.run = &run{audience: audience, origin: frame(name),
		stats:  frame(systemtopic.Name(r.cfg.Kind, name, systemtopic.Stats)),
		events: frame(systemtopic.Name(r.cfg.Kind, name, systemtopic.Events))}
	r.start()
}

// start starts the goroutine of a run, if there is anything to do. The caller holds mu.
func (r *Reporter) start() {
	u := r.run
	if u == nil || u.ended != nil || r.cfg.Interval() == 0 {
		return
	}
	u.stop, u.ended = make(chan struct{}), make(chan struct{})
	safe.Go(r.cfg.Fail, func() {
		defer close(u.ended)
		r.report(u)
	})
}

// Active reports whether state is published, or will be when a run begins.
func (r *Reporter) Active() bool { return r.cfg.Interval() > 0 }

// Changed makes another interval take effect.
func (r *Reporter) Changed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.start()
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// End ends a run, and publishes the state of that moment.
func (r *Reporter) End() {
	r.mu.Lock()
	defer r.mu.Unlock()
	u := r.run
	r.run = nil
	if u == nil || u.ended == nil {
		return
	}
	close(u.stop)
	<-u.ended
	if r.Active() {
		r.publishEvents(u)
		r.publishStats(u)
	}
}

// Skipped is how many envelopes were not published, because there was no room.
func (r *Reporter) Skipped() uint64 { return r.skipped.Load() }

// report is the goroutine of a run.
func (r *Reporter) report(u *run) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	last, heard := time.Time{}, u.audience.Changes()
	for {
		newcomers := u.audience.changed.Opened() // before the look, so that none is missed
		if n := u.audience.Changes(); n != heard {
			heard = n
			timer.Reset(max(0, soonest-time.Since(last)))
		}
		select {
		case <-u.stop:
			return
		case <-newcomers:
		case <-r.changed:
			timer.Reset(0)
		case <-r.Events.Some().Opened():
			r.publishEvents(u)
		case <-timer.C:
			interval := r.cfg.Interval()
			if interval == 0 {
				continue // until it changes
			}
			r.publishStats(u)
			last = time.Now()
			timer.Reset(max(interval, soonest))
		}
	}
}

func (r *Reporter) publishStats(u *run) {
	if u.audience.Wants(u.stats) {
		r.publish(u.stats, u.origin, r.cfg.Stats())
	}
}

func (r *Reporter) publishEvents(u *run) {
	for {
		e, some := r.Events.Take()
		if !some {
			return
		}
		if r.Active() && u.audience.Wants(u.events) {
			r.publish(u.events, u.origin, r.cfg.Event(e))
		}
	}
}

func (r *Reporter) publish(topic, origin, data []byte) {
	if !r.cfg.Publish(topic, origin, data) {
		r.skipped.Add(1)
	}
}
