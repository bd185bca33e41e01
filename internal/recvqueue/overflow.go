package recvqueue

import (
	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/queue"
)

// What a full queue does: with Block and Auto the rest waits (flowcontrol.go), with DropNew and
// Error it is dropped, with DropOld and LatestPerTopic room is made by dropping what is old.

// makeRoom decides which of the records staged from b come in now, which it returns with their
// size together. It adds those that LatestPerTopic keeps itself. The others are left to wait, or
// have been dropped and counted.
func (q *Queue) makeRoom(b *batch.Batch, s *Staged, limit queue.Bound) (in []Record, size int64, left []Record, dropped int) {
	in, size = s.Records, s.Size
	fit, wait := len(in), false
	switch {
	case q.policy.Waits():
		fit, wait = q.accept(in, size, limit)
	case !q.conflating.on && q.fits(int64(len(in)), size, limit):
	case q.policy == queue.DropOld:
		in, dropped = q.pushOut(in, size, limit)
		return in, sizeOf(in), nil, dropped
	case q.policy == queue.LatestPerTopic:
		return nil, 0, nil, q.conflate(b, in, limit)
	default:
		fit = q.roomFor(in, limit)
	}
	if fit == len(in) {
		return in, size, nil, 0
	}
	in, left = in[:fit], in[fit:]
	if wait {
		s.Counters.Arrived -= uint64(len(left))
		return in, sizeOf(in), left, 0
	}
	s.Counters.DroppedOverflow += uint64(len(left))
	return in, sizeOf(in), nil, len(left)
}

// roomFor tells how many of the records there is room for.
func (q *Queue) roomFor(records []Record, limit queue.Bound) (n int) {
	size := int64(0)
	for n < len(records) && q.fits(int64(n+1), size+records[n].Size(), limit) {
		size += records[n].Size()
		n++
	}
	return n
}

// fits reports whether n envelopes of so many bytes may come in. One envelope always finds
// room in an empty queue, however big it is.
func (q *Queue) fits(n, size int64, limit queue.Bound) bool {
	return q.count+n <= limit.Messages && q.bytes+size <= limit.Bytes && q.memory() <= limit.Bytes+queue.Slack ||
		q.count == 0 && n == 1
}

// pushOut makes room for records by dropping the oldest envelopes. If the records alone exceed
// the bound, it returns only the newest of them to be added.
func (q *Queue) pushOut(records []Record, size int64, limit queue.Bound) (rest []Record, dropped int) {
	before := q.counters.DroppedOld
	for len(records) > 1 && (int64(len(records)) > limit.Messages || size > limit.Bytes) {
		size -= records[0].Size()
		records = records[1:]
		q.counters.DroppedOld++
	}
	all := q.counters.DroppedOld > before // what is older than the newest dropped one goes
	for q.count > 0 && (all || !q.fits(int64(len(records)), size, limit)) {
		q.evict()
	}
	return records, int(q.counters.DroppedOld - before)
}

// evict drops the oldest envelope. There must be one.
func (q *Queue) evict() {
	q.counters.DroppedOld++
	if q.conflating.on {
		old := q.conflating.pop()
		q.count--
		q.bytes -= old.record.Size()
		batch.Recycle(old.buf)
		return
	}
	c := q.chunks.first()
	q.skip(1, c.records[c.next].Size())
}
