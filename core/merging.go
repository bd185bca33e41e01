package core

import (
	"time"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/clock"
	"github.com/hermes-zmq/hermes/internal/faultinject"
	"github.com/hermes-zmq/hermes/internal/safe"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// deliverFrom is deliver for one path of several. What one has brought is in the inbox
// before another takes its turn, or they would overtake each other.
func (r *Receiver) deliverFrom(path int, b *batch.Batch) {
	faultinject.At("receiver")
	a := &r.arrival
	a.turn.Lock()
	defer a.turn.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over {
		return
	}
	limits := r.limits()
	a.stage.reset()
	a.merge.begin(path, r.redundantHold.Get())
	for i := 0; i < b.Len() && !a.over; i++ {
		r.admit(b, i, path, &limits)
	}
	r.commit(b, &limits)
	r.report(&limits)
	r.watch()
}

// weave takes in message b, which has come over a path and is numbered: it stages what
// is due, and holds or drops the others.
func (r *Receiver) weave(b *batch.Batch, path int, p *wire.Parts, l *limits) {
	a := &r.arrival
	m := a.merge
	s := m.strand(p)
	switch v, lost := m.judge(s, path, p); v {
	case due:
		it := a.stage.add()
		it.set(b.Buf, p, l.received)
		a.enter(b.Buf, it, lost, p.Cached, l)
	case again:
		a.dropCopy(p.Cached)
	case early:
		h := held{number: p.Sequence.Number, cached: p.Cached, buf: b.Buf}
		h.item.set(b.Buf, p, l.received)
		if m.keep(s, h) {
			a.stage.counters.Held++
		} else {
			a.stage.counters.DroppedOverflow++
		}
	}
	if m.ripe(s, false) {
		r.commit(b, l)
		r.release(s, l, false)
	}
}

// dropCopy counts an envelope that was seen before. That a cache shows one is no wonder.
func (a *arrival) dropCopy(cached bool) {
	a.stage.counters.DroppedDuplicate++
	if !cached {
		a.stage.counters.Duplicates++
	}
}

// release hands out what a strand holds and what is ripe of it, or all. What has been
// staged before is committed already.
func (r *Receiver) release(s *strand, l *limits, all bool) {
	a := &r.arrival
	out := batch.Get()
	for a.merge.ripe(s, all) && (all || !a.over) {
		h, fresh, lost := a.merge.take(s)
		a.stage.counters.Held--
		if !fresh {
			a.dropCopy(h.cached)
			continue
		}
		h.item.moveTo(&out.Buf, h.buf)
		it := a.stage.add()
		*it = h.item
		a.enter(out.Buf, it, lost, h.cached, l)
		if len(out.Buf) >= batch.TargetBytes {
			r.commit(out, l)
			out.Release()
			out = batch.Get()
		}
	}
	r.commit(out, l)
	out.Release()
}

// commit moves what has been staged, which lies in b, to the inbox, and waits for room
// if that is the rule.
func (r *Receiver) commit(b *batch.Batch, l *limits) {
	a := &r.arrival
	left, dropped := r.inbox.commit(b, &a.stage, r.bound())
	l.dropped += dropped
	if len(left) > 0 {
		left = append([]item(nil), left...)
		func() {
			a.mu.Unlock()
			defer a.mu.Lock()
			r.holdBack(b, left)
		}()
	}
	a.stage.reset()
}

// watch looks after what is held until nothing is. The caller holds arrival.mu.
func (r *Receiver) watch() {
	a := &r.arrival
	if a.watched || len(a.merge.waiting) == 0 {
		return
	}
	a.watched = true
	pause := min(max(r.redundantHold.Get()/4, 5*time.Millisecond), time.Second)
	time.AfterFunc(pause, func() { safe.Do(r.Fail, r.giveUp) })
}

// giveUp stops waiting for what has been missing for too long.
func (r *Receiver) giveUp() {
	a := &r.arrival
	a.turn.Lock()
	defer a.turn.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.watched = false
	m := a.merge
	if m == nil || a.over {
		return
	}
	m.now, m.hold = int64(clock.Monotonic()), int64(r.redundantHold.Get())
	limits := r.limits()
	for s := range m.waiting {
		if m.overdue(s) || !m.hopeful(s) {
			r.release(s, &limits, false)
		}
	}
	r.report(&limits)
	r.watch()
}

// letGo hands out all that is held, at the end: nothing more will come.
func (r *Receiver) letGo() {
	a := &r.arrival
	a.turn.Lock()
	defer a.turn.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.merge == nil {
		return
	}
	limits := r.limits()
	limits.onSlow = "ignore"
	for s := range a.merge.waiting {
		r.release(s, &limits, true)
	}
}

// onPath is onEvent for one path of several.
func (r *Receiver) onPath(path int, e carrier.Event) {
	a := &r.arrival
	a.mu.Lock()
	a.merge.note(path, e.Kind)
	a.mu.Unlock()
	r.onEvent(e)
}
