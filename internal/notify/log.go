// Package notify keeps the newest events of a component until a program takes them, and
// limits how often the same may be announced.
//
// A Log has one lock; it may be added to with any other lock held, and takes none but that
// of its latch. A Limiter has none: its owner's guards it.
package notify

import (
	"sync"
	"time"

	"github.com/hermes-zmq/hermes/internal/clock"
	"github.com/hermes-zmq/hermes/internal/latch"
)

// Event is what happened to a component; core.Event says what the fields mean.
type Event struct {
	TS      float64
	Kind    string
	Level   string
	Text    string
	Address string
	Peer    uint64
	Count   uint64
	Topic   string
	Origin  string
}

// Levels of an Event.
const (
	Info    = "info"
	Warning = "warning"
	Error   = "error"
)

// capacity is how many events wait to be taken.
const capacity = 256

// Log is the newest events of a component, capacity at most.
type Log struct {
	mu      sync.Mutex
	events  []Event
	lost    uint64 // older ones that had to go
	some    latch.Latch
	opening bool // the component starts: other events wait in early until that has succeeded
	early   []Event
	copies  *Log             // where events go as well, or nil
	copied  func(Event) bool // which of them; nil: all
}

// Add adds an event, stamped with the present time.
func (l *Log) Add(e Event) {
	e.TS = clock.Seconds(time.Now())
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.opening && len(l.early) < capacity {
		l.early = append(l.early, e)
		return
	}
	l.put(e)
}

// Open begins the start of a component, whose first peers may come before it is over.
func (l *Log) Open() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.opening = true
}

// Opened ends it, with the event of the start; nil where that has failed.
func (l *Log) Opened(started *Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if started != nil {
		started.TS = clock.Seconds(time.Now())
		if len(l.early) > 0 {
			started.TS = l.early[0].TS
		}
		l.put(*started)
	}
	for _, e := range l.early {
		l.put(e)
	}
	l.opening, l.early = false, nil
}

// put adds an event; the caller holds the lock.
func (l *Log) put(e Event) {
	if l.copies != nil && (l.copied == nil || l.copied(e)) {
		l.copies.putCopy(e)
	}
	if len(l.events) == capacity {
		copy(l.events, l.events[1:])
		l.events = l.events[:capacity-1]
		l.lost++
	}
	l.events = append(l.events, e)
	l.some.Set(true)
}

// CopyTo makes the events that keep reports go to another log as well, with the time that they have; no log ends
// that, and no keep stands for all. The lock of the other log is taken under the one of this.
func (l *Log) CopyTo(other *Log, keep func(Event) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.copies, l.copied = other, keep
}

// putCopy takes an event with its time.
func (l *Log) putCopy(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.put(e)
}

// Take removes the oldest event.
func (l *Log) Take() (Event, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.events) == 0 {
		return Event{}, false
	}
	e := l.events[0]
	l.events = l.events[1:]
	if len(l.events) == 0 {
		l.events = nil
		l.some.Set(false)
	}
	return e, true
}

// Some opens while there is an event to take.
func (l *Log) Some() *latch.Latch { return &l.some }

// Dropped is how many events were lost because none was taken for too long.
func (l *Log) Dropped() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost
}
