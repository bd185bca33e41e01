package durable

import (
	"sync"

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

	mu      sync.Mutex
	buf     []byte // messages back to back
	ends    []int
	writing int   // messages that the writer has taken out, and has not written yet
	bytes   int64 // theirs
	taken   uint64
	dropped uint64
	closed  bool

	some chan struct{} // has an element when there may be something to write
}

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
	if g.closed || len(g.ends)+g.writing >= g.maxMessages || int64(len(g.buf)+len(msg))+g.bytes > g.maxBytes {
		g.dropped++
		return false
	}
	g.buf = append(g.buf, msg...)
	g.ends = append(g.ends, len(g.buf))
	return true
}

func (g *staging) wake() {
	select {
	case g.some <- struct{}{}:
	default:
	}
}

// take exchanges the buffers for empty ones. closed says that nothing more will come.
func (g *staging) take(buf []byte, ends []int) (_ []byte, _ []int, closed bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	buf, g.buf = g.buf, buf[:0]
	ends, g.ends = g.ends, ends[:0]
	g.writing, g.bytes = len(ends), int64(len(buf))
	return buf, ends, g.closed
}

// written notes that what was taken is in the backlog.
func (g *staging) written() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.writing, g.bytes = 0, 0
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
	return len(g.ends) + g.writing, int64(len(g.buf)) + g.bytes, g.taken, g.dropped
}

// keptStaging bounds the buffer that is used again.
const keptStaging = 4 << 20

// write is the writer goroutine: it writes to the backlog what is staged, until the staging is
// closed and empty.
func (s *Site) write() {
	var buf []byte
	var ends []int
	for closed := false; !closed; {
		<-s.staging.some
		for {
			buf, ends, closed = s.staging.take(buf, ends)
			if len(ends) == 0 {
				break
			}
			_, err := s.queue.Append(buf, ends)
			s.staging.written()
			s.problem("backlog", textOf(err))
			s.window.wake()
			if cap(buf) > keptStaging {
				buf = nil
			}
		}
	}
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
