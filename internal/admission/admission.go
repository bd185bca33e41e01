// Package admission decides about every message that reaches a receiver: is it an envelope,
// of an origin that is accepted, in sequence, not a copy, and fresh? What passes goes to the
// queue of received envelopes; what does not is counted there.
//
// A batch passes these stages, in this order, in the goroutine (or thread) that has read it:
//
//	Split       is it an envelope?                    else DroppedMalformed
//	origins     is its origin accepted?               else DroppedOrigin
//	gaps        is it in sequence? (one path)         Lost, Duplicates
//	dedup       is it the first copy? (several paths) else Held, DroppedDuplicate
//	age         is it young enough?                   else DroppedStale
//	queue.Put   is there room?                        else what the policy says
//	Report      what was noticed, once for the batch, as data: no text is formatted here
//
// Locks, in the order in which they are taken: Control.turn (redundant paths only: one path
// at a time, from the first message of a batch until all of it is queued), Control.mu, the
// queue's. mu is given up while a Put waits for room, so that Accept, SkipGaps and End never
// wait; turn is not, so that paths do not overtake each other. That time does not count as one
// in which a path was waited for.
package admission

import (
	"time"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/clock"
	"github.com/hermes-zmq/hermes/internal/dedup"
	"github.com/hermes-zmq/hermes/internal/invariants"
	"github.com/hermes-zmq/hermes/internal/queue"
	"github.com/hermes-zmq/hermes/internal/recvqueue"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// OnSlow is what an envelope does that is too old on arrival: the option "on_slow".
type OnSlow string

// The choices of OnSlow.
const (
	StopReceiver OnSlow = "stop"
	DropStale    OnSlow = "drop"
	WarnOnly     OnSlow = "warn"
	IgnoreAge    OnSlow = "ignore"
)

// Origins is what the accepted origins are for: the option "origins.filter".
type Origins string

// The choices of Origins.
const (
	FilterOrigins Origins = "on"  // the envelopes of all others are dropped
	AgeOfAccepted Origins = "age" // those of others pass, and are never too old
	AllOrigins    Origins = "off"
)

// Rules is what the messages of a batch are measured against.
type Rules struct {
	SlowAfter   time.Duration // how old an envelope may be
	OnSlow      OnSlow
	GuardClocks bool // measure the age of an origin's envelopes from the quickest one of them
	Origins     Origins
}

// Config is what a Control needs of its receiver. The functions may be called with
// locks held: they must be quick and must not call the Control.
type Config struct {
	Rules  func() Rules         // read once for each batch
	Hold   func() time.Duration // how long a stream waits for a redundant path
	Report func(*Findings)      // called for a batch in which something was noticed
	Fail   func(error)          // told of a panic in a timer

	TimeOfDay func() time.Time // that ages are measured by; nil: clock.TimeOfDay
}

// Tap is given what is let in, in place of the queue, which counts it as delivered: records, each
// of which lies in a whole message of b, as it came. They are void when it returns. It is called with
// the locks of the Control held, for one batch at a time; where it waits, the peer is held back.
type Tap func(b *batch.Batch, records []recvqueue.Record)

// Control is admission to one queue.
type Control struct {
	cfg   Config
	queue *recvqueue.Queue
	tap   Tap // as a rule nil; set before the first Begin

	turn invariants.Mutex // see the package
	mu   invariants.Mutex // guards the rest

	over    bool                // nothing is let in any more
	origins map[string]struct{} // those accepted, decoded; nil: all
	gaps    gapDetector
	merger  *dedup.Merger[early] // instead of gaps, where several paths lead here
	paused  pausedClock          // by which it waits
	polling bool                 // a timer looks after the reorder buffers
	skew    skewGuard
	clocks  clockCheck
	memo    wire.StreamMemo

	// Of the batch that is looked at; reused from batch to batch.
	rules    Rules
	received float64 // seconds since the Unix epoch
	staged   recvqueue.Staged
	found    Findings
}

// New makes a Control that lets nothing in before Begin.
func New(cfg Config, q *recvqueue.Queue) *Control {
	if cfg.TimeOfDay == nil {
		cfg.TimeOfDay = clock.TimeOfDay
	}
	c := &Control{cfg: cfg, queue: q, over: true, paused: pausedClock{since: -1}}
	c.turn.Rank(recvqueue.LockFamily, recvqueue.LockRank-20)
	c.mu.Rank(recvqueue.LockFamily, recvqueue.LockRank-10)
	return c
}

// SetTap sets the tap, before the first Begin.
func (c *Control) SetTap(t Tap) { c.tap = t }

// Begin starts a run, of so many redundant paths; with none, or one that is not redundant, it
// is 0. What was known of streams and clocks is forgotten; accepted origins are not.
func (c *Control) Begin(paths int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = false
	c.gaps.reset()
	c.skew.reset()
	c.clocks.reset()
	c.merger = nil
	if paths > 0 {
		c.merger = dedup.New[early](paths, c.paused.now())
	}
}

// End ends the run: nothing is let in any more, and no Put waits for room.
func (c *Control) End() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	c.queue.EndWaits()
}

// Accept lets envelopes of this origin in; the first call turns away all others.
func (c *Control) Accept(origin string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.origins == nil {
		c.origins = map[string]struct{}{}
	}
	c.origins[origin] = struct{}{}
}

// ForgetOrigins takes back all calls of Accept.
func (c *Control) ForgetOrigins() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.origins = nil
}

// accepted reports whether an origin, which is a JSON value, was named to Accept.
func (c *Control) accepted(origin []byte) bool {
	_, ok := c.origins[string(wire.Text(origin, nil))]
	return ok
}

// SkipGaps lets every stream begin anew: after a change of subscriptions, what was not
// subscribed to is not missing.
func (c *Control) SkipGaps() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gaps.reset()
	if c.merger != nil {
		c.merger.SkipGaps()
	}
}

// Deliver takes in a batch, as a carrier delivers it. It waits for room where the policy of
// the queue says so, which holds back the peer.
func (c *Control) Deliver(b *batch.Batch) {
	left := c.admitAll(b)
	if len(left) == 0 {
		return
	}
	if dropped := c.queue.PutWaiting(b, left); dropped > 0 {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.begin()
		c.found.Dropped = dropped
		c.report()
	}
}

// admitAll takes in as much of a batch as there is room for. What has to wait for room is left.
func (c *Control) admitAll(b *batch.Batch) (left []recvqueue.Record) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return nil
	}
	c.begin()
	c.gaps.begin(b)
	for i := 0; i < b.Len() && !c.over; i++ {
		c.admit(b, i, 0)
	}
	c.gaps.end(b)
	left, c.found.Dropped = c.enqueue(b)
	c.report()
	if len(left) == 0 {
		return nil
	}
	return append([]recvqueue.Record(nil), left...) // the stage is for the next batch
}

// enqueue hands on what has been staged: to the queue as far as there is room, or to the tap.
func (c *Control) enqueue(b *batch.Batch) (left []recvqueue.Record, dropped int) {
	if c.tap == nil {
		return c.queue.Put(b, &c.staged)
	}
	if len(c.staged.Records) > 0 {
		c.tap(b, c.staged.Records)
	}
	c.queue.PassBy(&c.staged)
	return nil, 0
}

// begin gets ready for a batch.
func (c *Control) begin() {
	c.rules = c.cfg.Rules()
	c.received = clock.Seconds(c.cfg.TimeOfDay())
	c.staged.Reset()
	c.found.reset(time.Now())
}

// report tells what was noticed, if anything was.
func (c *Control) report() {
	f := &c.found
	if f.Dropped > 0 && c.queue.Policy() == queue.Error {
		c.over = true
	}
	f.Stopped = c.over
	if f.any() {
		c.cfg.Report(f)
	}
}

// admit checks message i of a batch, which has come over a path, and stages it for the
// queue.
func (c *Control) admit(b *batch.Batch, i, path int) {
	s := &c.staged
	s.Counters.Arrived++
	var p wire.Parts
	if err := p.Split(b.Message(i), &c.memo); err != nil {
		s.Counters.DroppedMalformed++
		c.found.Malformed, c.found.Err = c.found.Malformed+1, err
		return
	}
	if c.origins != nil && c.rules.Origins == FilterOrigins && !c.accepted(p.Origin) {
		s.Counters.DroppedOrigin++
		return
	}
	var lost uint32
	if p.Numbered {
		if c.merger != nil {
			c.merge(b, i, path, &p)
			return
		}
		var duplicate bool
		lost, duplicate = c.gaps.note(i, &p)
		switch {
		case duplicate && p.Cached: // a post office that is back shows what it has
			s.Counters.DroppedDuplicate++
			return
		case duplicate:
			s.Counters.Duplicates++
		}
	}
	s.Add().Set(b.Buf, &p, c.received)
	c.checkLast(b.Buf, lost, p.Cached)
}

// checkLast looks at the last staged record, which lies in buf, and before which so many
// were lost. It takes the record away again if it is too old.
func (c *Control) checkLast(buf []byte, lost uint32, cached bool) {
	s := &c.staged
	r := &s.Records[len(s.Records)-1]
	if lost > 0 {
		s.Counters.Lost += uint64(lost)
		c.found.noteLost(uint64(lost), r.Topic.Of(buf), r.Origin.Of(buf))
	}
	if cached {
		s.Counters.Cached++
	} else if c.tooOld(buf, r) {
		s.DropLast()
		s.Counters.DroppedStale++
		c.over = c.rules.OnSlow == StopReceiver
		return
	}
	r.Lost = lost
	s.Size += r.Size()
}
