package core

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/hermes-zmq/hermes/core/internal/batch"
	"github.com/hermes-zmq/hermes/core/internal/wire"
)

// arrival decides what a receiver lets in.
type arrival struct {
	peers atomic.Int32
	ended gate // the receiver stops: nobody is to wait for room

	mu      sync.Mutex
	over    bool                // nothing is let in any more
	origins map[string]struct{} // nil: all
	streams streams

	clocks clocks

	malformedPace, overflowPace, lostPace, lagPace, slowPace pacer

	memo  wire.Memo
	stage stage // reused from batch to batch
}

func (a *arrival) begin() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = false
	a.ended.set(false)
	a.peers.Store(0)
	a.streams.forget()
	a.clocks.forget()
}

func (a *arrival) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = true
	a.ended.set(true)
}

func (a *arrival) accept(origin string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.origins == nil {
		a.origins = map[string]struct{}{}
	}
	a.origins[origin] = struct{}{}
}

// forget makes every stream begin anew: after a change of subscriptions, what was
// not asked for is not missing.
func (a *arrival) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.streams.forget()
}

// limits are what one batch is measured against, and what was noticed on the way.
type limits struct {
	now       time.Time
	received  float64
	slowAfter float64 // seconds
	onSlow    string
	guard     bool // against clocks that differ

	malformed error   // the last thing that was wrong
	delay     float64 // the age of the last envelope that was too old
	slow      uint64  // how many were
	dropped   int     // how many the full queue has cost
	lost      uint64  // how many are missing
	gapTopic  []byte  // which stream was the last to miss some, as JSON strings
	gapOrigin []byte
	lag       float64 // the age of the last envelope that is half as old as it may be, or older
	lagging   uint64  // how many are
}

// admit checks one message and stages it for the inbox.
func (a *arrival) admit(b *batch.Batch, i int, l *limits) {
	s := &a.stage
	s.counters.Arrived++
	p, err := wire.Split(b.Message(i), &a.memo)
	if err != nil {
		s.counters.DroppedMalformed++
		l.malformed = err
		return
	}
	if a.origins != nil {
		if _, ok := a.origins[string(wire.Text(p.Origin, nil))]; !ok {
			s.counters.DroppedOrigin++
			return
		}
	}
	var lost uint32
	if p.Numbered {
		var duplicate bool
		lost, duplicate = a.streams.note(p.Origin, p.Topic, p.Sequence)
		s.counters.Lost += uint64(lost)
		if lost > 0 {
			l.lost += uint64(lost)
			l.gapTopic, l.gapOrigin = p.Topic, p.Origin
		}
		switch {
		case duplicate && p.Cached: // a post office that is back shows what it has
			s.counters.DroppedDuplicate++
			return
		case duplicate:
			s.counters.Duplicates++
		}
	}
	if p.Cached {
		s.counters.Cached++
	} else if age := a.age(&p, l); age > l.slowAfter && l.onSlow != "ignore" {
		l.delay = age
		l.slow++
		if l.onSlow != "warn" {
			s.counters.DroppedStale++
			a.over = l.onSlow == "stop"
			return
		}
	}
	s.add(b, p, l.received, lost)
}
