package core

import (
	"unsafe"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/queue"
)

// What an inbox does that makes room by dropping what is old.

// latestArrived is what a receiver's inbox turns into when it is full and its rule is
// latest_per_topic. It turns back when half of what there was has been taken.
type latestArrived struct {
	on     bool
	newest queue.Newest[loose]
	resume int // with so many left it turns back
}

// loose is an envelope with a buffer of its own.
type loose struct {
	buf  []byte
	item item
}

func (l *loose) cost() int64 { return int64(cap(l.buf)) + int64(unsafe.Sizeof(l.item)) }

// pushOut makes room for items by dropping the oldest envelopes. Where the items alone
// are too many, only the newest of them are left to be added.
func (x *inbox) pushOut(items []item, size int64, limit queue.Bound) (rest []item, dropped int) {
	before := x.counters.DroppedOld
	for len(items) > 1 && (int64(len(items)) > limit.Messages || size > limit.Bytes) {
		size -= items[0].size()
		items = items[1:]
		x.counters.DroppedOld++
	}
	whole := x.counters.DroppedOld > before // what is older than the newest dropped one goes
	for x.count > 0 && (whole || !x.fits(int64(len(items)), size, limit)) {
		x.evict()
	}
	return items, int(x.counters.DroppedOld - before)
}

// evict drops the oldest envelope. There must be one.
func (x *inbox) evict() {
	x.count--
	x.counters.DroppedOld++
	if x.topics.on {
		old := x.topics.newest.Pop()
		x.bytes -= old.item.size()
		x.held -= queue.EntryBytes + old.cost()
		batch.Recycle(old.buf)
		return
	}
	g := x.segments[0]
	x.bytes -= g.items[g.next].size()
	if g.next++; g.next == len(g.items) {
		x.drop(g)
	}
}

// conflate takes in items of which not all have room: it keeps the newest envelope of
// each topic, and drops the others.
func (x *inbox) conflate(b *batch.Batch, items []item, limit queue.Bound) (dropped int) {
	before := x.counters.DroppedOld + x.counters.DroppedConflated
	if !x.topics.on {
		x.freeze()
	}
	for _, it := range items {
		x.count++
		x.bytes += it.size()
		x.keep(b.Buf, it)
		for x.count > 1 && !x.fits(0, 0, limit) {
			x.evict()
		}
	}
	if len(items) > 0 {
		x.news()
	}
	return int(x.counters.DroppedOld + x.counters.DroppedConflated - before)
}

// freeze turns what waits into the newest of each topic.
func (x *inbox) freeze() {
	x.topics.on = true
	x.topics.resume = int(x.count / 2)
	for len(x.segments) > 0 {
		g := x.segments[0]
		for _, it := range g.items[g.next:] {
			x.keep(g.buf, it)
		}
		x.drop(g)
	}
}

// keep puts an envelope, which is counted already, in the place of an older one of its topic.
func (x *inbox) keep(buf []byte, it item) {
	l := loose{item: it}
	l.buf = batch.Arena(int(it.size()))
	l.item.moveTo(&l.buf, buf)
	x.held += l.cost()
	old, replaced := x.topics.newest.Put(l.item.topic.of(l.buf), l)
	if !replaced {
		x.held += queue.EntryBytes
		return
	}
	x.count--
	x.bytes -= old.item.size()
	x.held -= old.cost()
	batch.Recycle(old.buf)
	x.counters.DroppedConflated++
}

// thaw makes segments of the oldest, at least as many as are to be taken, and where not
// much is left, of all.
func (x *inbox) thaw(most int) {
	newest := &x.topics.newest
	for ; newest.Len() > 0 && (most > 0 || newest.Len() <= x.topics.resume); most-- {
		l := newest.Pop()
		x.held -= queue.EntryBytes + l.cost()
		x.copyIn(l.buf, l.item)
		batch.Recycle(l.buf)
	}
	if newest.Len() == 0 {
		x.topics = latestArrived{}
	}
}
