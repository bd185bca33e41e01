package core

import (
	"sync"
	"time"

	"github.com/hermes-zmq/hermes/internal/wire"
)

// Event is a notice of what happened to a Component.
type Event struct {
	TS      float64 `json:"ts"`                // seconds since the Unix epoch
	Kind    string  `json:"kind"`              // started, stopped, connected, disconnected, retrying, unreachable, handshake_failed, exhausted, recovered, cycle, malformed, lost, lagging, slow, clock, overflow, failed
	Level   string  `json:"level"`             // info, warning, error
	Text    string  `json:"text"`              // for people
	Address string  `json:"address,omitempty"` // of the endpoint or peer concerned
	Peer    uint64  `json:"peer,omitempty"`    // number of the connection
	Count   uint64  `json:"count,omitempty"`   // how many times, where several were put together; of lost, how many envelopes
	Topic   string  `json:"topic,omitempty"`   // of lost: the last stream that had a gap; of slow: that of the envelope that was too old
	Origin  string  `json:"origin,omitempty"`
}

// JSON is the event as one JSON object.
func (e Event) JSON() []byte {
	text, err := wire.Marshal(e)
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	return text
}

// Levels of an Event.
const (
	levelInfo    = "info"
	levelWarning = "warning"
	levelError   = "error"
)

const maxEvents = 256

// eventLog keeps the newest events until somebody takes them.
type eventLog struct {
	mu      sync.Mutex
	events  []Event
	dropped uint64
	some    gate
	opening bool    // others wait until it is known whether the component has started
	others  []Event // a few: what may happen to a component in a moment
}

func (l *eventLog) add(e Event) {
	e.TS = seconds(time.Now())
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.opening && len(l.others) < maxEvents {
		l.others = append(l.others, e)
		return
	}
	l.put(e)
}

// open begins the opening of a component, whose first peers may come before it is over.
func (l *eventLog) open() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.opening = true
}

// opened ends it, with a notice of the start unless that has failed.
func (l *eventLog) opened(started *Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if started != nil {
		started.TS = seconds(time.Now())
		if len(l.others) > 0 {
			started.TS = l.others[0].TS
		}
		l.put(*started)
	}
	for _, e := range l.others {
		l.put(e)
	}
	l.opening, l.others = false, nil
}

// put adds an event; the caller holds the lock.
func (l *eventLog) put(e Event) {
	if len(l.events) == maxEvents {
		copy(l.events, l.events[1:])
		l.events = l.events[:maxEvents-1]
		l.dropped++
	}
	l.events = append(l.events, e)
	l.some.set(true)
}

func (l *eventLog) take() (Event, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.events) == 0 {
		return Event{}, false
	}
	e := l.events[0]
	l.events = l.events[1:]
	if len(l.events) == 0 {
		l.events = nil
		l.some.set(false)
	}
	return e, true
}

func (l *eventLog) droppedCount() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dropped
}

// seconds is a time as the wire and the statistics write it.
func seconds(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }

// pacer lets one notice through a second and counts what the others were about.
type pacer struct {
	next  time.Time
	count uint64
}

// pass adds n happenings. It reports whether a notice is due, and for how many.
func (p *pacer) pass(now time.Time, n uint64) (uint64, bool) { return p.passEvery(time.Second, now, n) }

// passEvery is pass for notices at another interval than a second.
func (p *pacer) passEvery(interval time.Duration, now time.Time, n uint64) (uint64, bool) {
	p.count += n
	if now.Before(p.next) {
		return 0, false
	}
	n = p.count
	p.count, p.next = 0, now.Add(interval)
	return n, true
}
