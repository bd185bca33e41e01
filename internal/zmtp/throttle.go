package zmtp

import (
	"sync/atomic"
	"time"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/flow"
	"github.com/hermes-zmq/hermes/internal/invariants"
	"github.com/hermes-zmq/hermes/internal/latch"
)

// Holding back publishers (Overflow Block and Auto): while a publisher is held back its
// connection is not read, TCP fills up, and its messages wait in its own queue.
//
// Rules:
//  1. A peer is behind from the time when more than behindBytes are queued for it, or half of
//     what its queue may hold, until half of that is left.
//  2. Block: a publisher waits while a peer that follows it (flow.Source) is behind. Auto: it
//     waits while every peer that follows it, or may since it has subscribed, is behind. So a
//     peer that keeps up never waits for one that does not: the queue of the slow one fills, up
//     to its bounds, and then it loses.
//  3. A publisher that does not keep what is not read (a PUB of libzmq) waits only where a
//     queue is full, since waiting would cost it messages.
//  4. A peer that is behind and takes nothing for StallTimeout is stalled: no publisher waits
//     for it until it is no longer behind.
//
// Waiting comes before a batch is sent (admit), so that no queue is locked meanwhile; only
// where a batch has no room in a queue, because its bounds are small or rule 3 holds, does
// Send wait in the middle of one (holdFull). With a cache of last values, or a history, it does not: a
// subscription, whose replay waits for the end of every Send, would hold up all others.
//
// The levels of peers are atomic: a goroutine that is to decide looks at all of them, and may
// hold the lock of one send buffer. turn makes publishers that have waited send one at a time,
// each after one more look, so that they do not all fill the queue that has just had room.

// behindBytes is how much is queued for a peer that is behind: enough to keep its connection
// busy while a publisher is woken, and little enough to stay in a processor's cache.
const behindBytes = 1 << 20

// stallChecks is how often within StallTimeout a waiting publisher looks whether a peer takes
// anything.
const stallChecks = 8

// fullSlice is how long a Send that waits for room in a full queue does not look at the other
// peers.
const fullSlice = 5 * time.Millisecond

// throttle decides who waits. It belongs to an outlet.
type throttle struct {
	outlet       *outlet
	auto         bool
	stallTimeout func() time.Duration
	onHold       func(*flow.Source)
	onRelease    func(*flow.Source)

	level levels
	ended latch.Latch // no publisher waits any more
	turn  invariants.Mutex
}

// levels is what the send buffers of all peers report to.
type levels struct {
	behind  atomic.Int32 // how many are behind
	changed latch.Latch  // woken when one is no longer
}

func newThrottle(o *outlet, cfg *carrier.OutletConfig) *throttle {
	t := &throttle{outlet: o, auto: cfg.Overflow == carrier.Auto, stallTimeout: cfg.StallTimeout,
		onHold: cfg.OnHold, onRelease: cfg.OnRelease}
	t.turn.Rank(lockFamily, rankTurn)
	return t
}

var (
	_ carrier.Throttler = (*outlet)(nil)
	_ carrier.MissNoter = (*outlet)(nil)
)

// SendFrom implements carrier.Throttler.
func (o *outlet) SendFrom(s *flow.Source, b *batch.Batch) carrier.Tally {
	return o.SendNoting(s, b, nil)
}

// SendNoting implements carrier.MissNoter.
func (o *outlet) SendNoting(s *flow.Source, b *batch.Batch, missed []bool) carrier.Tally {
	t := o.throttle
	if t == nil || s == nil {
		return o.send(&fanOut{b: b, missed: missed})
	}
	f := &fanOut{b: b, missed: missed, source: s, throttle: t, now: flow.Now()}
	defer t.release(s)
	defer f.endTurn() // even if a goroutine panics: others wait for it
	if s.Queues && t.admit(s) {
		f.hasTurn = true
		for t.turn.Lock(); t.waitsFor(s) != nil; t.turn.Lock() {
			t.turn.Unlock()
			t.admit(s)
		}
	}
	tally := o.send(f)
	s.Sent(f.now)
	return tally
}

// release ends the wait of a publisher, if it is held back.
func (t *throttle) release(s *flow.Source) {
	if s.End(flow.Now()) && t.onRelease != nil {
		t.onRelease(s)
	}
}

// EndWaits implements carrier.Throttler.
func (o *outlet) EndWaits() {
	if o.throttle != nil {
		o.throttle.ended.Set(true)
	}
}

// admit waits until s is not to be held back any more, and reports whether it has waited.
func (t *throttle) admit(s *flow.Source) (waited bool) {
	if t.level.behind.Load() == 0 {
		return false
	}
	began := flow.Now()
	for {
		changed := t.level.changed.Opened() // before the look, so that no change is missed
		c := t.waitsFor(s)
		if c == nil {
			return waited
		}
		t.hold(s, c)
		waited = true
		t.awaitChange(changed)
		t.findStalled(s, began)
	}
}

// waitsFor gives a peer for which s has to wait, or nil.
func (t *throttle) waitsFor(s *flow.Source) (late *conn) {
	if t.ended.IsOpen() || t.outlet.closed.Load() {
		return nil
	}
	for _, c := range *t.outlet.peers.Load() {
		subscribed := time.Duration(c.subscribed.Load())
		switch behind := c.out.behind.Load(); {
		case subscribed == 0: // to nothing, or it is gone
		case !behind && t.auto && (s.Follows(c.id) || subscribed > s.LastSent()):
			return nil // it would wait for what others do not take
		case behind && !c.out.stalled.Load() && s.Follows(c.id):
			if !t.auto {
				return c
			}
			late = c
		}
	}
	return late
}

// hold notes that s waits for c.
func (t *throttle) hold(s *flow.Source, c *conn) {
	if s.Begin(c.id, flow.Now()) && t.onHold != nil {
		t.onHold(s)
	}
}

// awaitChange waits until a peer is no longer behind, it is time to look who is stalled, or
// no publisher is to wait any more.
func (t *throttle) awaitChange(changed <-chan struct{}) {
	look := time.NewTimer(max(t.stallTimeout()/stallChecks, time.Millisecond))
	defer look.Stop()
	select {
	case <-changed:
	case <-look.C:
	case <-t.ended.Opened():
	case <-t.outlet.ctx.Done():
	}
}

// findStalled finds the followers of s that have taken nothing for StallTimeout, while s has
// waited for as long: since began.
func (t *throttle) findStalled(s *flow.Source, began time.Duration) {
	now, limit := flow.Now(), t.stallTimeout()
	if now-began < limit/stallChecks {
		return
	}
	for _, c := range *t.outlet.peers.Load() {
		if c.out.behind.Load() && s.Follows(c.id) && now-max(c.lastTook(now), began) >= limit {
			c.out.setStalled()
		}
	}
}

// holdFull holds back the publisher of f for a moment if it is to wait for c, whose queue has no
// room for message i, and reports whether it has held it back; otherwise the message is to be
// dropped. The caller holds c.out.mu, which is released meanwhile and held again on return.
func (t *throttle) holdFull(f *fanOut, c *conn, i int) (held bool) {
	c.out.noteFull()
	if f.gated || c.out.stalled.Load() || t.waitsFor(f.source) == nil {
		return false
	}
	c.out.mu.Unlock()
	defer c.out.mu.Lock()
	f.endTurn()
	t.hold(f.source, c)
	c.out.waitForRoom(f.b, i, fullSlice)
	now, limit := flow.Now(), t.stallTimeout()
	if now-max(c.lastTook(now), f.now) >= limit {
		c.out.setStalled()
	}
	return true
}

// endTurn lets the next publisher send that has waited, if f is one.
func (f *fanOut) endTurn() {
	if f.hasTurn {
		f.hasTurn = false
		f.throttle.turn.Unlock()
	}
}

// progress tells whether a peer takes anything, even where its kernel takes less than a write.
type progress struct {
	written uint64 // bytes that the kernel has taken
	unsent  int    // bytes that the peer's system has not
}

// lastTook is when the peer last took anything, at the last look; the time now, if
// that was since the last look.
func (c *conn) lastTook(now time.Duration) time.Duration {
	unsent := c.io.kernelState().unsent
	o := &c.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if p := (progress{o.writtenBytes, unsent}); p != o.seen {
		o.seen, o.took = p, now
	}
	return o.took
}

// reportTo makes the send buffer report to the levels of its outlet.
func (o *sendBuffer) reportTo(l *levels) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.levels = l
}

// noteLevel notes whether the peer is behind. The caller holds mu, and has changed the queue.
func (o *sendBuffer) noteLevel() {
	if o.levels == nil {
		return
	}
	bytes, messages := min(behindBytes, o.maxBytes/2), o.maxMessages/2
	switch behind := o.behind.Load(); {
	case !behind && (o.bytes > bytes || o.messages > messages):
		o.setBehind()
	case behind && (o.dead || o.bytes <= bytes/2 && o.messages <= messages/2):
		o.behind.Store(false)
		o.stalled.Store(false)
		o.levels.behind.Add(-1)
		o.levels.changed.Wake()
	}
}

// noteFull notes that there is no room for a message, however little is queued. The caller
// holds mu.
func (o *sendBuffer) noteFull() {
	if o.levels != nil && !o.behind.Load() {
		o.setBehind()
	}
}

// setStalled notes that no publisher waits for the peer any more, if it is still behind.
func (o *sendBuffer) setStalled() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.behind.Load() {
		o.stalled.Store(true)
		o.levels.changed.Wake() // others may wait for it
	}
}

func (o *sendBuffer) setBehind() {
	if o.dead {
		return
	}
	o.behind.Store(true)
	o.levels.behind.Add(1)
	o.took = flow.Now()
}
