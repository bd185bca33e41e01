package core

import (
	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/queue"
)

// conflation is what a publisher's queue turns into when it is full and its rule is
// latest_per_topic: the newest envelope of each topic. It turns back into batches when
// the pump has taken half of what there was.
type conflation struct {
	on     bool
	newest queue.Newest[[]byte] // framed messages
	resume int                  // with so many left it turns back
}

// makeRoom drops what is old until the queue is within its bounds, or only what the
// pump has in hand and the newest envelope are left. It tells how many that were.
func (q *sendQueue) makeRoom(limit queue.Bound) (dropped int) {
	before := q.counters.DroppedOld + q.counters.DroppedConflated
	switch {
	case q.topics.on:
		q.conflate(q.tail)
	case !q.over(limit):
		q.share(limit)
		return 0
	case q.full == queue.LatestPerTopic:
		q.freeze()
	}
	for q.count-q.hand > 1 && q.over(limit) {
		q.evict()
	}
	if !q.topics.on {
		q.share(limit)
	}
	return int(q.counters.DroppedOld + q.counters.DroppedConflated - before)
}

func (q *sendQueue) over(limit queue.Bound) bool {
	return q.count > limit.Messages || q.bytes > limit.Bytes || q.held > limit.Bytes+queue.Slack
}

// share closes the tail before it is too great a part of the queue: what is being sent
// cannot be dropped any more, and the newest must find room beside it.
func (q *sendQueue) share(limit queue.Bound) {
	t := q.tail
	if t.Full() || int64(t.Len()) >= queue.Share(limit.Messages) || int64(t.Size()) >= queue.Share(limit.Bytes) {
		q.closeTail()
	}
}

// evict drops the oldest envelope that waits. There must be one.
func (q *sendQueue) evict() {
	q.count--
	q.counters.DroppedOld++
	if q.topics.on {
		msg := q.topics.newest.Pop()
		q.bytes -= int64(len(msg))
		q.held -= queue.EntryBytes + int64(cap(msg))
		batch.Recycle(msg)
		return
	}
	b := q.tail
	if len(q.whole) > 0 {
		b = q.whole[0]
	}
	q.bytes -= int64(len(b.Message(q.gone)))
	if q.gone++; q.gone < b.Len() {
		return
	}
	q.gone = 0
	if b == q.tail {
		q.tail = nil
	} else {
		q.held -= b.Footprint()
		q.shift()
	}
	b.Release()
}

// freeze keeps the newest envelope of each topic, and drops the others.
func (q *sendQueue) freeze() {
	q.topics.resume = int(q.count-q.hand) / 2
	q.topics.on = true
	for len(q.whole) > 0 {
		b := q.shift()
		q.held -= b.Footprint()
		q.conflate(b)
		b.Release()
	}
	q.conflate(q.tail)
}

// conflate adds the envelopes of a batch, each of which takes the place of an older one
// of its topic. The tail is empty afterwards.
func (q *sendQueue) conflate(b *batch.Batch) {
	for i := q.gone; i < b.Len(); i++ {
		from := b.Message(i)
		msg := append(batch.Arena(len(from)), from...)
		q.held += int64(cap(msg))
		old, replaced := q.topics.newest.Put(batch.Topic(msg), msg)
		if !replaced {
			q.held += queue.EntryBytes
			continue
		}
		q.count--
		q.bytes -= int64(len(old))
		q.held -= int64(cap(old))
		batch.Recycle(old)
		q.counters.DroppedConflated++
	}
	q.gone = 0
	if b == q.tail {
		b.Reset()
	}
}

// thaw makes a batch of the oldest, and where not much is left, of all.
func (q *sendQueue) thaw() {
	newest := &q.topics.newest
	for newest.Len() > 0 {
		b := q.target()
		msg := newest.Pop()
		q.held -= queue.EntryBytes + int64(cap(msg))
		b.AppendMessage(msg)
		batch.Recycle(msg)
		if b.Full() || b.Len() > q.topics.resume/2 {
			q.closeTail()
			if newest.Len() > q.topics.resume {
				return
			}
		}
	}
	q.topics = conflation{}
}
