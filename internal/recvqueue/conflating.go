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
