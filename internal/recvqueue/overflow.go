package recvqueue

import (
	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/queue"
)

// How a full queue makes room by dropping what is old: DropOld and LatestPerTopic.

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

// conflate adds records of which not all have room: it keeps the newest envelope of each
// topic, and drops the others.
func (q *Queue) conflate(b *batch.Batch, records []Record, limit queue.Bound) (dropped int) {
	before := q.counters.DroppedOld + q.counters.DroppedConflated
	if !q.conflating.on {
		q.freeze()
	}
	for _, r := range records {
		q.count++
		q.bytes += r.Size()
		q.keepNewest(b.Buf, r)
		for q.count > 1 && !q.fits(0, 0, limit) {
			q.evict()
		}
	}
	if len(records) > 0 {
		q.signal()
	}
	return int(q.counters.DroppedOld + q.counters.DroppedConflated - before)
}

// freeze turns the chunks into the newest of each topic.
func (q *Queue) freeze() {
	q.conflating.on = true
	q.conflating.resume = int(q.count / 2)
	for len(q.chunks.list) > 0 {
		c := q.chunks.first()
		for _, r := range c.records[c.next:] {
			q.keepNewest(c.buf, r)
		}
		q.chunks.dropFirst()
	}
}

// keepNewest puts a record, which is counted already, in the place of an older one of its
// topic.
func (q *Queue) keepNewest(buf []byte, r Record) {
	if old := q.conflating.put(buf, r); old >= 0 {
		q.count--
		q.bytes -= old
		q.counters.DroppedConflated++
	}
}

// thaw makes chunks of the oldest records: most of them, or bytes bytes, which are taken now,
// so that nothing stays behind in chunks; or of all, if at most resume are left.
func (q *Queue) thaw(most int, bytes int64) {
	l := &q.conflating
	for l.newest.Len() > 0 && (most > 0 && bytes > 0 || l.newest.Len() <= l.resume) {
		c := l.pop()
		most--
		bytes -= c.record.Size()
		q.chunks.addCopy(c.buf, c.record)
		batch.Recycle(c.buf)
	}
	if l.newest.Len() == 0 {
		*l = conflating{}
	}
}
