package sendqueue

import (
	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/queue"
)

// How a full queue makes room by dropping what is old: DropOld and LatestPerTopic.

// conflation is what a full queue with the policy LatestPerTopic turns into: the newest
// envelope of each topic. It becomes batches again once it holds at most half as many
// envelopes as were queued when it filled up.
type conflation struct {
	on     bool
	newest queue.Newest[[]byte] // framed messages
	resume int                  // the number of envelopes at which it becomes batches again
}

// makeRoom drops the oldest envelopes until the queue is within its bounds, or only what is
// being sent and the newest envelope are left. It returns the number dropped.
func (q *Queue) makeRoom(limit queue.Bound) (dropped int) {
	before := q.counters.DroppedOld + q.counters.DroppedConflated
	switch {
	case q.latest.on:
		q.conflate(q.tail)
	case !q.over(limit):
		q.share(limit)
		return 0
	case q.cfg.Policy == queue.LatestPerTopic:
		q.freeze()
	}
	for q.count-q.inFlight > 1 && q.over(limit) {
		q.evict()
	}
	if !q.latest.on {
		q.share(limit)
	}
	return int(q.counters.DroppedOld + q.counters.DroppedConflated - before)
}

// over reports whether the queue is beyond its bounds.
func (q *Queue) over(limit queue.Bound) bool {
	return q.count > limit.Messages || q.bytes > limit.Bytes || q.memory > limit.Bytes+queue.Slack
}

// share closes the tail before it is too great a part of the queue: a batch that is being sent
// cannot be dropped, and the newest envelope must have room beside it.
func (q *Queue) share(limit queue.Bound) {
	t := q.tail
	if t.Full() || int64(t.Len()) >= queue.Share(limit.Messages) || int64(t.Size()) >= queue.Share(limit.Bytes) {
		q.closeTail()
	}
}

// evict drops the oldest envelope that is not in flight. There must be one.
func (q *Queue) evict() {
	q.count--
	q.counters.DroppedOld++
	if q.latest.on {
		msg := q.latest.newest.Pop()
		q.bytes -= int64(len(msg))
		q.memory -= queue.EntryBytes + int64(cap(msg))
		batch.Recycle(msg)
		return
	}
	b := q.tail
	if len(q.batches) > 0 {
		b = q.batches[0]
	}
	q.bytes -= int64(len(b.Message(q.dropped)))
	if q.dropped++; q.dropped < b.Len() {
		return
	}
	q.dropped = 0
	if b == q.tail {
		q.tail = nil
	} else {
		q.memory -= b.Footprint()
		q.shift()
	}
	b.Release()
}

// freeze keeps the newest envelope of each topic, and drops the others.
func (q *Queue) freeze() {
	q.latest.resume = int(q.count-q.inFlight) / 2
	q.latest.on = true
	for len(q.batches) > 0 {
		b := q.shift()
		q.memory -= b.Footprint()
		q.conflate(b)
		b.Release()
	}
	q.conflate(q.tail)
}

// conflate adds the envelopes of a batch, each of which takes the place of an older one
// of its topic. The tail is empty afterwards.
func (q *Queue) conflate(b *batch.Batch) {
	for i := q.dropped; i < b.Len(); i++ {
		from := b.Message(i)
		msg := append(batch.Arena(len(from)), from...)
		q.memory += int64(cap(msg))
		old, replaced := q.latest.newest.Put(batch.Topic(msg), msg)
		if !replaced {
			q.memory += queue.EntryBytes
			continue
		}
		q.count--
		q.bytes -= int64(len(old))
		q.memory -= int64(cap(old))
		batch.Recycle(old)
		q.counters.DroppedConflated++
	}
	q.dropped = 0
	if b == q.tail {
		b.Reset()
	}
}

// thaw makes a batch of the oldest envelopes, or batches of all if at most resume are left.
func (q *Queue) thaw() {
	newest := &q.latest.newest
	for newest.Len() > 0 {
		b := q.target()
		msg := newest.Pop()
		q.memory -= queue.EntryBytes + int64(cap(msg))
		b.AppendMessage(msg)
		batch.Recycle(msg)
		if b.Full() || b.Len() > q.latest.resume/2 {
			q.closeTail()
			if newest.Len() > q.latest.resume {
				return
			}
		}
	}
	q.latest = conflation{}
}
