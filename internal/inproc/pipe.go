package inproc

import (
	"io"
	"net"
	"os"
	"sync"

	"time"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/errno"
)

const (
	// capacity is from what on a pipe is full: a few batches, so that what a slow reader leaves
	// waits in the queue of the writer, where it is counted and bounded.
	capacity = 4 * batch.TargetBytes
	// keptHead is how many ranges that were read may stand before those that wait.
	keptHead = 64
)

// Range is bytes on their way: whole frames.
type Range struct {
	Bytes []byte
	// Batch has the bytes where the range is handed over by reference; its owner is who has the range.
	// Nil: the bytes are copied. See Shareable.
	Batch *batch.Batch
	// Held is how many bytes of memory Batch keeps alive (batch.Batch.Held).
	Held int
	// Ends are where the messages in Bytes end, as offsets in the buffer of the batch, and Base is where
	// Bytes begins there.
	Ends []int
	Base int
}

// Shareable reports whether size bytes are handed over by reference, which keeps held bytes of memory alive:
// they are much of it. Others are copied, which for a few is cheaper than to hand them over
// one by one.
func Shareable(size, held int) bool { return 4*size >= held }

// entry is what waits in a pipe: a range that is handed over by reference, or bytes from off on of a
// chunk, which is a batch of the pipe's own without an index.
type entry struct {
	Range
	chunk *batch.Batch
	off   int
}

func (e *entry) release() {
	if e.Batch != nil {
		e.Batch.Release()
	}
	if e.chunk != nil {
		e.chunk.Release()
	}
	*e = entry{}
}

// pipe is one direction of a connection: a queue of ranges between two goroutines. mu guards all of it.
type pipe struct {
	mu      sync.Mutex
	entries []entry
	head    int // entries[:head] have been read
	bytes   int // in entries[head:]

	reader, writer end
}

// end is what one end of a pipe waits for. Its lock is that of the pipe.
type end struct {
	wake   sync.Cond // what it waits for may have come about
	late   bool      // its deadline has passed
	timer  *time.Timer
	closed bool // a closed writer: what waits is read before the end of the stream
}

func newPipe() *pipe {
	p := &pipe{}
	p.reader.wake.L, p.writer.wake.L = &p.mu, &p.mu
	return p
}

// setDeadline is when the waits of an end fail; the zero time is never.
func (p *pipe) setDeadline(e *end, t time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.timer != nil {
		e.timer.Stop()
		e.timer = nil
	}
	left := time.Until(t)
	e.late = !t.IsZero() && left <= 0
	if !t.IsZero() && !e.late {
		var timer *time.Timer
		timer = time.AfterFunc(left, func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			if e.timer == timer {
				e.late = true
				e.wake.Broadcast()
			}
		})
		e.timer = timer
	}
	if e.late {
		e.wake.Broadcast()
	}
}

// close closes an end. Where the reader does, what waits is dropped.
func (p *pipe) close(e *end) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e.closed = true
	if e.timer != nil {
		e.timer.Stop()
		e.timer = nil
	}
	if p.reader.closed {
		for i := range p.entries[p.head:] {
			p.entries[p.head+i].release()
		}
		p.entries, p.head, p.bytes = nil, 0, 0
	}
	p.reader.wake.Broadcast()
	p.writer.wake.Broadcast()
}

// await waits until there is something to read, and calls idle before it does. The caller holds mu.
func (p *pipe) await(idle func()) error {
	for {
		switch {
		case p.reader.closed:
			return net.ErrClosed
		case p.reader.late:
			return os.ErrDeadlineExceeded
		case p.head < len(p.entries):
			return nil
		case p.writer.closed:
			return io.EOF
		}
		if idle != nil {
			idle()
		}
		p.reader.wake.Wait()
	}
}

// put appends ranges until the pipe is full, and reports how many bytes that were. With wait it waits
// until there is room for one. It retains the batches of those that it takes.
func (p *pipe) put(ranges []Range, wait bool) (n int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case p.writer.closed:
			return 0, net.ErrClosed
		case p.reader.closed:
			return 0, errno.EPIPE
		case p.writer.late:
			return 0, os.ErrDeadlineExceeded
		case p.bytes < capacity:
			for i := 0; i < len(ranges) && p.bytes < capacity; i++ {
				p.append(&ranges[i])
				n += len(ranges[i].Bytes)
			}
			p.reader.wake.Signal()
			return n, nil
		case !wait:
			return 0, nil
		}
		p.writer.wake.Wait()
	}
}

func (p *pipe) append(r *Range) {
	p.bytes += len(r.Bytes)
	if p.head > keptHead && 2*p.head > len(p.entries) {
		n := copy(p.entries, p.entries[p.head:])
		clear(p.entries[n:])
		p.entries, p.head = p.entries[:n], 0
	}
	if r.Batch != nil {
		r.Batch.Retain()
		p.entries = append(p.entries, entry{Range: *r})
		return
	}
	c := p.chunk(len(r.Bytes))
	c.Buf = append(c.Buf, r.Bytes...)
}

// chunk is the last chunk, or a new one, with room for size bytes.
func (p *pipe) chunk(size int) *batch.Batch {
	if n := len(p.entries); n > p.head {
		if last := p.entries[n-1].chunk; last != nil && cap(last.Buf)-len(last.Buf) >= size {
			return last
		}
	}
	c := batch.Get()
	c.Grow(size)
	p.entries = append(p.entries, entry{chunk: c})
	return c
}

// take copies what waits to dst, up to a range that is handed over by reference: that one it returns, if
// it comes first, and the caller owns its batch. It does not wait.
func (p *pipe) take(dst []byte) (r Range, n int) {
	full := p.bytes >= capacity
	for p.head < len(p.entries) && n < len(dst) {
		e := &p.entries[p.head]
		if e.chunk == nil {
			if n == 0 {
				r = e.Range
				p.bytes -= len(r.Bytes)
				*e = entry{}
				p.next()
			}
			break
		}
		k := copy(dst[n:], e.chunk.Buf[e.off:])
		n += k
		e.off += k
		p.bytes -= k
		if e.off == len(e.chunk.Buf) {
			e.release()
			p.next()
		}
	}
	if full && p.bytes < capacity {
		p.writer.wake.Signal()
	}
	return r, n
}

// next passes over the first entry, which has been read.
func (p *pipe) next() {
	if p.head++; p.head == len(p.entries) {
		p.entries, p.head = p.entries[:0], 0
	}
}

// asBytes makes the first entry one that is copied, for a reader that takes nothing else.
func (p *pipe) asBytes() {
	e := &p.entries[p.head]
	if e.chunk != nil {
		return
	}
	c := batch.Get()
	c.Grow(len(e.Bytes))
	c.Buf = append(c.Buf, e.Bytes...)
	e.release()
	e.chunk = c
}

func (p *pipe) waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bytes
}
