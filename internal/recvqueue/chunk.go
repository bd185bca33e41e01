package recvqueue

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// chunk is a run of records with the buffer that they lie in: a batch as it arrived, or a
// buffer of copies. The queue and everything taken from it share it; the last one to release
// it recycles it.
type chunk struct {
	buf     []byte
	src     *batch.Batch // whose buffer it is, where it was not copied
	records []Record
	next    int // the first record not taken yet; guarded by the queue's lock
	refs    atomic.Int32
}

// chunkBytes is the size at which a chunk of copies is full.
const chunkBytes = 64 << 10

var chunkPool = sync.Pool{New: func() any { return new(chunk) }}

func newChunk() *chunk {
	c := chunkPool.Get().(*chunk)
	c.refs.Store(1)
	return c
}

// memory is how much memory the chunk takes, in bytes.
func (c *chunk) memory() int64 {
	n := int64(cap(c.records)) * int64(unsafe.Sizeof(Record{}))
	if c.src != nil {
		return n + c.src.Footprint()
	}
	return n + int64(cap(c.buf))
}

func (c *chunk) full() bool { return c.src != nil || len(c.buf) >= chunkBytes }

func (c *chunk) release() {
	if c.refs.Add(-1) != 0 {
		return
	}
	if c.src != nil {
		c.src.Release()
		c.src, c.buf = nil, nil
	}
	if cap(c.buf) > 4*chunkBytes {
		c.buf = nil
	}
	c.buf, c.records, c.next = c.buf[:0], c.records[:0], 0
	chunkPool.Put(c)
}

// chunks is a first-in, first-out list of records. The queue's lock guards it.
type chunks struct {
	list   []*chunk
	tail   *chunk // the last of list, while it still grows
	sealed int64  // memory of all chunks but tail
}

func (l *chunks) first() *chunk { return l.list[0] }

// memory is how much memory all chunks take, in bytes.
func (l *chunks) memory() int64 {
	if l.tail == nil {
		return l.sealed
	}
	return l.sealed + l.tail.memory()
}

// unframed is what lies around the texts of an envelope, as a rule: headers and a trailer.
const unframed = 4*2 + wire.TrailerSize

// add appends records of b, with their size: as views of b where they fill it well, and
// otherwise as copies, so that a few envelopes do not hold a whole arena. Where they are all
// that is staged, s gets other memory for its records; s may be nil.
func (l *chunks) add(b *batch.Batch, records []Record, size int64, s *Staged) {
	if size+int64(len(records))*unframed < int64(b.Held()/2) {
		for i := range records {
			l.addCopy(b.Buf, records[i])
		}
		return
	}
	l.grow(nil)
	c := newChunk()
	b.Retain()
	c.src, c.buf = b, b.Buf
	if s != nil && len(records) == len(s.Records) {
		c.records, s.Records = s.Records, c.records[:0]
	} else {
		c.records = append(c.records, records...)
	}
	l.list = append(l.list, c)
	l.sealed += c.memory()
}

// addCopy appends a copy of an envelope whose texts lie in from.
func (l *chunks) addCopy(from []byte, r Record) {
	if l.tail == nil || l.tail.full() {
		l.grow(newChunk())
		l.list = append(l.list, l.tail)
	}
	r.MoveTo(&l.tail.buf, from)
	l.tail.records = append(l.tail.records, r)
}

// grow makes another chunk the tail.
func (l *chunks) grow(c *chunk) {
	if l.tail != nil {
		l.sealed += l.tail.memory()
	}
	l.tail = c
}

// skip takes n records off the first chunk.
func (l *chunks) skip(n int) {
	c := l.first()
	if c.next += n; c.next == len(c.records) {
		l.dropFirst()
	}
}

// dropFirst removes the first chunk.
func (l *chunks) dropFirst() {
	c := l.first()
	l.list[0] = nil
	l.list = l.list[1:]
	if len(l.list) == 0 {
		l.list = nil
	}
	if l.tail == c {
		l.tail = nil
	} else {
		l.sealed -= c.memory()
	}
	c.release()
}

// sums counts what is there: for checks.
func (l *chunks) sums() (count, size, sealed int64) {
	for _, c := range l.list {
		count += int64(len(c.records) - c.next)
		size += sizeOf(c.records[c.next:])
		if c != l.tail {
			sealed += c.memory()
		}
	}
	return count, size, sealed
}
