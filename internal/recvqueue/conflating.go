package recvqueue

import (
	"unsafe"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/queue"
)

// conflating is what a queue turns into when it is full and its policy is LatestPerTopic: the
// newest record of each topic, each in a buffer of its own. It becomes chunks again once it
// holds at most half as many records as were queued when it filled up. The queue's lock
// guards it.
type conflating struct {
	on     bool
	newest queue.Newest[copied]
	memory int64 // that it takes, in bytes
	resume int   // the number of records at which it becomes chunks again
}

// copied is a record with a buffer of its own.
type copied struct {
	buf    []byte
	record Record
}

func (c *copied) memory() int64 { return int64(cap(c.buf)) + int64(unsafe.Sizeof(c.record)) }

// put adds a copy of a record whose texts lie in buf. It gives the size of the older record
// of the same topic that it replaces, or -1.
func (l *conflating) put(buf []byte, r Record) (replaced int64) {
	c := copied{record: r}
	c.buf = batch.Arena(int(r.Size()))
	c.record.MoveTo(&c.buf, buf)
	l.memory += c.memory()
	old, found := l.newest.Put(c.record.Topic.Of(c.buf), c)
	if !found {
		l.memory += queue.EntryBytes
		return -1
	}
	l.memory -= old.memory()
	batch.Recycle(old.buf)
	return old.record.Size()
}

// pop removes the oldest record. The caller recycles its buffer.
func (l *conflating) pop() copied {
	c := l.newest.Pop()
	l.memory -= queue.EntryBytes + c.memory()
	return c
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
