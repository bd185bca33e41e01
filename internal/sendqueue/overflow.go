package sendqueue

import (
	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/queue"
)

// What a full queue does: with Block and Auto the caller waits for room, with DropNew and Error the
// new envelope is dropped, with DropOld and LatestPerTopic room is made by dropping what is old.

// fits reports whether there is room for an envelope of this size.
func (q *Queue) fits(size int64, limit queue.Bound) bool {
	return q.count < limit.Messages && (q.count == 0 || q.bytes+size <= limit.Bytes && q.memory <= limit.Bytes+queue.Slack)
}

// rejectFull is the result for an envelope without room: with policy Block a channel to wait
// on, with others the envelope counts as dropped. The caller holds mu.
func (q *Queue) rejectFull() Result {
	if !q.cfg.Policy.Waits() {
		q.counters.Accepted++
		q.counters.DroppedFull++
		return Result{Open: true, DroppedNew: true}
	}
	if q.room == nil {
		q.room = make(chan struct{})
		q.fd.Show(false)
	}
	return Result{Open: true, Room: q.room}
}

// makeRoom drops the oldest envelopes until the queue is within its bounds, or only what is
// being sent and the newest envelope are left. It returns the number dropped.
func (q *Queue) makeRoom(limit queue.Bound) (dropped int) {
	before := q.counters.DroppedOld + q.counters.DroppedConflated
	switch {
	case q.conflating.on:
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
	if !q.conflating.on {
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
	if q.conflating.on {
		msg := q.conflating.newest.Pop()
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
