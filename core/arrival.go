package core

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/clock"
	"github.com/hermes-zmq/hermes/internal/dedup"
	"github.com/hermes-zmq/hermes/internal/latch"
	"github.com/hermes-zmq/hermes/internal/notify"
	"github.com/hermes-zmq/hermes/internal/option"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// arrival decides what a receiver lets in.
type arrival struct {
	peers atomic.Int32
	ended latch.Latch // the receiver stops: nobody is to wait for room

	mu      sync.Mutex
	over    bool                // nothing is let in any more
	origins map[string]struct{} // nil: all
	streams streams
	merge   *dedup.Merger[early] // where several paths lead here, instead of streams
	turn    sync.Mutex           // of one path to deliver; taken before mu, which it gives up to wait for room
	watched bool                 // somebody looks after what is held

	clocks     clocks
	clockCheck clockCheck

	malformedPace, overflowPace, lostPace, lagPace, slowPace, futurePace notify.Limiter

	memo  wire.StreamMemo
	stage stage // reused from batch to batch
}

func (a *arrival) begin() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = false
	a.ended.Set(false)
	a.peers.Store(0)
	a.streams.forget()
	a.clocks.forget()
	a.clockCheck.forget()
	a.merge = nil
}

// expect gets ready for what comes over so many paths.
func (a *arrival) expect(paths int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.merge = dedup.New[early](paths, int64(clock.Monotonic()))
}

func (a *arrival) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = true
	a.ended.Set(true)
}

func (a *arrival) accept(origin string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.origins == nil {
		a.origins = map[string]struct{}{}
	}
	a.origins[origin] = struct{}{}
}

// originsFilter is the option origins.filter. A program that decides itself what it wants
// sets it to "age" again when its wishes change, and accepts the new origins.
type originsFilter struct {
	*option.Choice
	arrival *arrival
}

func (x *originsFilter) Set(text string) error {
	if err := x.Choice.Set(text); err != nil {
		return err
	}
	if text == "age" {
		x.arrival.mu.Lock()
		defer x.arrival.mu.Unlock()
		x.arrival.origins = nil
	}
	return nil
}

// accepted reports whether an origin, which is a JSON string, was named to accept.
func (a *arrival) accepted(origin []byte) bool {
	_, ok := a.origins[string(wire.Text(origin, nil))]
	return ok
}

// forget makes every stream begin anew: after a change of subscriptions, what was
// not asked for is not missing.
func (a *arrival) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.streams.forget()
	if a.merge != nil {
		a.merge.SkipGaps()
	}
}

// limits are what one batch is measured against, and what was noticed on the way.
type limits struct {
	now       time.Time
	received  float64
	slowAfter float64 // seconds
	onSlow    string
	guard     bool // against clocks that differ
	ageOfAll  bool // whether envelopes of origins that were not accepted can be too old as well

	malformed   error   // the last thing that was wrong
	skipped     uint64  // how many messages were
	delay       float64 // the age of the last envelope that was too old
	slow        uint64  // how many were
	slowTopic   []byte  // its stream, as JSON strings
	slowOrigin  []byte
	suspicion   string  // that not slowness but a clock is the reason; "" where nothing speaks for it
	ahead       float64 // how many seconds the last envelope was ahead that is dated in the future
	future      uint64  // how many are
	aheadOrigin []byte  // where it is from, as a JSON string
	dropped     int     // how many the full queue has cost
	lost        uint64  // how many are missing
	gapTopic    []byte  // which stream was the last to miss some, as JSON strings
	gapOrigin   []byte
	lag         float64 // the age of the last envelope that is half as old as it may be, or older
	lagging     uint64  // how many are
}

// admit checks one message, which has come over a path, and stages it for the inbox.
func (r *Receiver) admit(b *batch.Batch, i, path int, l *limits) {
	a := &r.arrival
	s := &a.stage
	s.counters.Arrived++
	var p wire.Parts
	if err := p.Split(b.Message(i), &a.memo); err != nil {
		s.counters.DroppedMalformed++
		l.malformed = err
		l.skipped++
		return
	}
	if a.origins != nil && r.originsFilter.Is("on") && !a.accepted(p.Origin) {
		s.counters.DroppedOrigin++
		return
	}
	var lost uint32
	if p.Numbered {
		if a.merge != nil {
			r.weave(b, path, &p, l)
			return
		}
		var duplicate bool
		lost, duplicate = a.streams.note(&p)
		switch {
		case duplicate && p.Cached: // a post office that is back shows what it has
			s.counters.DroppedDuplicate++
			return
		case duplicate:
			s.counters.Duplicates++
		}
	}
	it := s.add()
	it.set(b.Buf, &p, l.received)
	a.enter(b.Buf, it, lost, p.Cached, l)
}

// enter looks at the last item of the stage, which lies in buf, and before which so many
// were lost. It takes it away again if it is too old.
func (a *arrival) enter(buf []byte, it *item, lost uint32, cached bool, l *limits) {
	if lost > 0 {
		a.stage.counters.Lost += uint64(lost)
		l.lost += uint64(lost)
		l.gapTopic = append(l.gapTopic[:0], it.topic.of(buf)...)
		l.gapOrigin = append(l.gapOrigin[:0], it.origin.of(buf)...)
	}
	if cached {
		a.stage.counters.Cached++
	} else if origin := it.origin.of(buf); !l.ageOfAll && !a.accepted(origin) {
		// The program decides whether it wants it, and only what is wanted can be too late.
	} else if age := a.age(origin, it, l); a.noteAge(buf, it, age, l) && l.onSlow != "warn" {
		a.stage.drop()
		a.stage.counters.DroppedStale++
		a.over = l.onSlow == "stop"
		return
	}
	it.lost = lost
	a.stage.size += it.size()
}
