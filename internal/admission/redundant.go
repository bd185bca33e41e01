package admission

import (
	"bytes"
	"time"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/clock"
	"github.com/hermes-zmq/hermes/internal/dedup"
	"github.com/hermes-zmq/hermes/internal/recvqueue"
	"github.com/hermes-zmq/hermes/internal/safe"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// What admission does where several redundant paths lead here: package dedup decides which
// copy is delivered when, and this file moves the envelopes.

// early is an envelope in a reorder buffer: a copy, as its record lies in buf. Where there is a tap,
// buf is the whole message.
type early struct {
	record recvqueue.Record
	buf    []byte
}

// DeliverFrom is Deliver for one of several paths. What one has brought is in the queue
// before another takes its turn, or they would overtake each other.
func (c *Control) DeliverFrom(path int, b *batch.Batch) {
	c.turn.Lock()
	defer c.turn.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return
	}
	c.begin()
	c.merger.Hear(path, c.paused.now(), int64(c.cfg.Hold()))
	for i := 0; i < b.Len() && !c.over; i++ {
		c.admit(b, i, path)
	}
	c.put(b)
	c.report()
	c.poll()
}

// SetConnected notes that a path was connected or disconnected.
func (c *Control) SetConnected(path int, connected bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.merger != nil {
		c.merger.SetConnected(path, connected, c.paused.now())
	}
}

// merge takes in envelope i of b, which has come over a path and is numbered: it stages what
// is due, and holds or drops the others.
func (c *Control) merge(b *batch.Batch, i, path int, p *wire.Parts) {
	s := c.merger.Stream(p.Sequence.Incarnation, p.Origin, p.Topic)
	switch v, lost := c.merger.Judge(s, path, p.Sequence.Number, p.Cached, p.TS); v {
	case dedup.Due:
		c.staged.Add().Set(b.Buf, p, c.received)
		c.checkLast(b.Buf, lost, p.Cached)
	case dedup.Again:
		c.dropCopy(p.Cached)
	case dedup.Early:
		c.hold(s, b, i, p)
	}
	if c.merger.Ripe(s) {
		c.put(b)
		c.release(s, false)
	}
}

// hold puts a copy of envelope i of b into the reorder buffer of its stream.
func (c *Control) hold(s *dedup.Stream[early], b *batch.Batch, i int, p *wire.Parts) {
	var e early
	e.record.Set(b.Buf, p, c.received)
	size := e.record.Size()
	if !c.merger.Room(size) {
		c.staged.Counters.DroppedOverflow++
		return
	}
	if msg := b.Message(i); c.tap != nil { // which wants all of it
		e.record.Set(msg, p, c.received)
		e.buf = bytes.Clone(msg)
	} else {
		e.buf = make([]byte, 0, size)
		e.record.MoveTo(&e.buf, b.Buf)
	}
	c.merger.Hold(s, dedup.Copy[early]{Number: p.Sequence.Number, Cached: p.Cached, Size: size, Value: e})
	c.staged.Counters.Held++
}

// dropCopy counts an envelope that was delivered before. That a cache shows one again is
// expected, and no duplicate.
func (c *Control) dropCopy(cached bool) {
	c.staged.Counters.DroppedDuplicate++
	if !cached {
		c.staged.Counters.Duplicates++
	}
}

// release delivers what is ripe of what a stream holds, or all. What was staged before is in
// the queue already.
func (c *Control) release(s *dedup.Stream[early], all bool) {
	out := batch.Get()
	for (all && s.Held() > 0 || c.merger.Ripe(s)) && (all || !c.over) {
		held, fresh, lost := c.merger.Take(s)
		c.staged.Counters.Held--
		if !fresh {
			c.dropCopy(held.Cached)
			continue
		}
		r := c.staged.Add()
		*r = held.Value.record
		if c.tap != nil {
			r.Shift(len(out.Buf))
			out.AppendMessage(held.Value.buf)
		} else {
			r.MoveTo(&out.Buf, held.Value.buf)
		}
		c.checkLast(out.Buf, lost, held.Cached)
		if len(out.Buf) >= batch.TargetBytes {
			c.put(out)
			out.Release()
			out = batch.Get()
		}
	}
	c.put(out)
	out.Release()
}

// put moves what has been staged, which lies in b, to the queue, and waits for room if that
// is the policy. The caller holds turn and mu, and mu is given up meanwhile.
func (c *Control) put(b *batch.Batch) {
	left, dropped := c.enqueue(b)
	c.found.Dropped += dropped
	if len(left) > 0 {
		c.found.Dropped += c.putWaiting(b, left)
	}
	c.staged.Reset()
}

func (c *Control) putWaiting(b *batch.Batch, left []recvqueue.Record) (dropped int) {
	c.paused.pause()
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.paused.resume()
	}()
	return c.queue.PutWaiting(b, left)
}

// pausedClock is the clock by which the merger waits for paths. It stands still while a Put
// waits for room: no path is read then, so none can bring what is missing. Control.mu guards
// it.
type pausedClock struct {
	monotonic func() time.Duration // nil: clock.Monotonic
	stood     time.Duration        // for how long it has stood still
	since     time.Duration        // when it was paused; negative: it runs
}

func (k *pausedClock) read() time.Duration {
	if k.monotonic != nil {
		return k.monotonic()
	}
	return clock.Monotonic()
}

// now is the time in nanoseconds.
func (k *pausedClock) now() int64 {
	if k.since >= 0 {
		return int64(k.since - k.stood)
	}
	return int64(k.read() - k.stood)
}

func (k *pausedClock) pause() { k.since = k.read() }

func (k *pausedClock) resume() {
	k.stood += k.read() - k.since
	k.since = -1
}

// poll looks after the reorder buffers from time to time, until they are empty.
func (c *Control) poll() {
	if c.polling || c.merger.Held() == 0 {
		return
	}
	c.polling = true
	pause := min(max(c.cfg.Hold()/4, 5*time.Millisecond), time.Second)
	time.AfterFunc(pause, func() { safe.Do(c.cfg.Fail, c.giveUp) })
}

// giveUp stops waiting for what has been missing for too long.
func (c *Control) giveUp() {
	c.turn.Lock()
	defer c.turn.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.polling = false
	if c.merger == nil || c.over {
		return
	}
	c.begin()
	for s := range c.merger.GiveUp(c.paused.now(), int64(c.cfg.Hold())) {
		c.release(s, false)
	}
	c.report()
	c.poll()
}

// Flush delivers everything that is held, whatever its age, at the end of a run: nothing more
// will come.
func (c *Control) Flush() {
	c.turn.Lock()
	defer c.turn.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.merger == nil {
		return
	}
	c.begin()
	c.rules.OnSlow = IgnoreAge
	for s := range c.merger.Waiting() {
		c.release(s, true)
	}
}
