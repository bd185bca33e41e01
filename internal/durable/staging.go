package durable

import (
	"errors"
	"slices"
	"sync"

	"github.com/hermes-zmq/hermes/internal/backlog"
	"github.com/hermes-zmq/hermes/internal/batch"
)

const (
	defaultQueueMessages = 100_000
	defaultQueueBytes    = 64 << 20
)

// staging is what the relay has given and the writer goroutine has not yet written to the
// backlog, so that the relay never waits for a disk. mu guards all of it.
type staging struct {
	maxMessages int
	maxBytes    int64

	mu       sync.Mutex
	chunks   []*chunk // in order; the last one is filled
	spare    []*chunk // empty, at most keptChunks
	messages int      // in chunks, or taken by the writer and not written yet
	bytes    int64    // theirs
	taken    uint64
	dropped  uint64
	closed   bool

	some chan struct{} // has an element when there may be something to write
}

// chunk is messages, each behind the room that the backlog needs, in memory that is used again.
type chunk struct {
	buf  []byte
	ends []int
}

const (
	chunkBytes = 256 << 10
	keptChunks = 16
)

func (g *staging) init(messages int, bytes int64) {
	g.maxMessages, g.maxBytes = messages, bytes
	if messages <= 0 {
		g.maxMessages = defaultQueueMessages
	}
	if bytes <= 0 {
		g.maxBytes = defaultQueueBytes
	}
	g.some = make(chan struct{}, 1)
}

// Send takes those messages of a batch whose topics are durable and for which want, unless nil,
// reports true, and tells which by calling taken. It keeps no reference to the batch, and does
// not wait.
func (s *Site) Send(b *batch.Batch, want func(i int) bool, taken func(i, bytes int)) {
	for i := range b.Len() {
		msg := b.Message(i)
		if !s.Match(batch.Topic(msg)) || want != nil && !want(i) {
			continue
		}
		s.seen.noteOwn(msg)
		if s.staging.put(msg) && taken != nil {
			taken(i, len(msg))
		}
	}
	s.staging.wake()
}

// put adds a message, if there is room.
func (g *staging) put(msg []byte) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.taken++
	if g.closed || g.messages >= g.maxMessages || g.bytes+int64(len(msg)) > g.maxBytes {
		g.dropped++
		return false
	}
	g.messages++
	g.bytes += int64(len(msg))
	c := g.last(backlog.Room + len(msg))
	c.buf = append(append(c.buf, room[:]...), msg...)
	c.ends = append(c.ends, len(c.buf))
	return true
}

var room [backlog.Room]byte

// last is the chunk to which size bytes are to be added. The caller holds mu.
func (g *staging) last(size int) *chunk {
	if n := len(g.chunks); n > 0 && len(g.chunks[n-1].buf)+size <= chunkBytes {
		return g.chunks[n-1]
	}
	var c *chunk
	if n := len(g.spare); n > 0 && size <= chunkBytes {
		c, g.spare = g.spare[n-1], g.spare[:n-1]
	} else {
		c = &chunk{buf: make([]byte, 0, max(chunkBytes, size))}
	}
	g.chunks = append(g.chunks, c)
	return c
}

func (g *staging) wake() {
	select {
	case g.some <- struct{}{}:
	default:
	}
}

// take takes the oldest chunk; nil: there is none. closed says that nothing more will come.
func (g *staging) take() (c *chunk, closed bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.chunks) > 0 {
		c = g.chunks[0]
		g.chunks = slices.Delete(g.chunks, 0, 1)
	}
	return c, g.closed
}

// written notes that a chunk is in the backlog, and takes its memory back.
func (g *staging) written(c *chunk) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.messages -= len(c.ends)
	g.bytes -= int64(len(c.buf) - len(c.ends)*backlog.Room)
	if cap(c.buf) <= chunkBytes && len(g.spare) < keptChunks {
		c.buf, c.ends = c.buf[:0], c.ends[:0]
		g.spare = append(g.spare, c)
	}
}

// accepted is how many messages there was room for, and handled how many of these the writer has
// dealt with.
func (g *staging) accepted() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.taken - g.dropped
}

func (g *staging) handled() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.taken - g.dropped - uint64(g.messages)
}

func (g *staging) close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.wake()
}

// stats gives what waits, and the counters.
func (g *staging) stats() (messages int, bytes int64, taken, dropped uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.messages, g.bytes, g.taken, g.dropped
}

// write is the writer goroutine: it writes to the backlog what is staged, until the staging is
// closed and empty.
func (s *Site) write() {
	dropped := s.queue.Stats().DroppedFull
	for closed := false; !closed; {
		<-s.staging.some
		for {
			var c *chunk
			if c, closed = s.staging.take(); c == nil {
				break
			}
			_, err := s.queue.Append(c.buf, c.ends)
			s.staging.written(c)
			full := s.queue.Stats().DroppedFull
			if err == nil && full > dropped {
				err = errFull
			}
			dropped = full
			s.problem("backlog", textOf(err))
			s.window.wake()
		}
	}
}

// errFull says why messages are dropped; its text stays the same, so that it is told once.
var errFull = errors.New("the backlog is full: see why JetStream does not take them, or give the backlog more bytes")

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
