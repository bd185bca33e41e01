package sendqueue

import (
	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/queue"
)

// conflating is what a full queue with the policy LatestPerTopic turns into: the newest
// envelope of each topic. It becomes batches again once it holds at most half as many
// envelopes as were queued when it filled up.
type conflating struct {
	on     bool
	newest queue.Newest[[]byte] // framed messages
	resume int                  // the number of envelopes at which it becomes batches again
}

// freeze keeps the newest envelope of each topic, and drops the others.
func (q *Queue) freeze() {
	q.conflating.resume = int(q.count-q.inFlight) / 2
	q.conflating.on = true
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
		old, replaced := q.conflating.newest.Put(batch.Topic(msg), msg)
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
	newest := &q.conflating.newest
	for newest.Len() > 0 {
		b := q.target()
		msg := newest.Pop()
		q.memory -= queue.EntryBytes + int64(cap(msg))
		b.AppendMessage(msg)
		batch.Recycle(msg)
		if b.Full() || b.Len() > q.conflating.resume/2 {
			q.closeTail()
			if newest.Len() > q.conflating.resume {
				return
			}
		}
	}
	q.conflating = conflating{}
}
