package durable

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hermes-zmq/hermes/internal/backlog"
	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/latch"
)

const (
	defaultQueueMessages = 100_000
	defaultQueueBytes    = 64 << 20
)

// staging is what the relay has given and the writer goroutine has not yet written to the
// backlog, so that the relay does not wait for a disk. mu guards all of it.
//
// Messages of publishers that retain them until they are stored are never dropped: where there is no
// room for such a one in the backlog, the writer waits, and where too much is staged, so do these publishers
// (AwaitRoom), before their messages are relayed. What comes from others is dropped then.
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
	unstored bool   // something was given up that a publisher retains: nothing is stored any more
	stored   uint64 // what handled was then

	some  chan struct{} // has an element when there may be something to write
	over  chan struct{} // closed with the staging
	space latch.Latch   // woken when there may be room
	free  atomic.Bool   // no publisher waits for room
}

// chunk is messages, each behind the room that the backlog needs, in memory that is used again.
type chunk struct {
	buf  []byte
	ends []int
	kept []bool // by message: its publisher retains it
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
	g.some, g.over = make(chan struct{}, 1), make(chan struct{})
}

// Send takes those messages of a batch whose topics are durable and for which want, unless nil,
// reports true, and tells which by calling taken. It reports whether any topic is durable. It keeps no
// reference to the batch, and does not wait. With kept the publisher retains them until they are
// stored (Stored), and they are taken whether there is room or not.
func (s *Site) Send(b *batch.Batch, kept bool, want func(i int) bool, taken func(i, bytes int)) (durable bool) {
	for i := range b.Len() {
		msg := b.Message(i)
		if !s.Match(batch.Topic(msg)) {
			continue
		}
		durable = true
		if want != nil && !want(i) {
			continue
		}
		s.seen.noteOwn(msg)
		if s.staging.put(msg, kept) && taken != nil {
			taken(i, len(msg))
		}
	}
	if durable {
		s.staging.wake()
	}
	return durable
}

// AwaitRoom waits until there is room for the durable messages of a batch, if it has any, the waits are
// ended, or the site closes.
func (s *Site) AwaitRoom(b *batch.Batch) {
	g := &s.staging
	if !g.isFull() || !s.matchesAny(b) {
		return
	}
	for {
		changed := g.space.Opened() // before the look, so that no change is missed
		if !g.isFull() || g.free.Load() {
			return
		}
		select {
		case <-changed:
		case <-g.over:
			return
		}
	}
}

func (s *Site) matchesAny(b *batch.Batch) bool {
	for i := range b.Len() {
		if s.Match(batch.Topic(b.Message(i))) {
			return true
		}
	}
	return false
}

// EndWaits lets no publisher wait for room any more; with false they wait again.
func (s *Site) EndWaits(end bool) {
	s.staging.free.Store(end)
	s.staging.space.Wake()
}

// Given is how many messages were accepted so far, and Stored how many of these are in the backlog or
// counted as dropped, so that no publisher need retain them.
func (s *Site) Given() uint64 { return s.staging.accepted() }

// Stored is explained at Given.
func (s *Site) Stored() uint64 {
	g := &s.staging
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.unstored {
		return g.stored
	}
	return g.taken - g.dropped - uint64(g.messages)
}

// OnStored sets what the writer calls when Stored has changed; nil: nothing. It must not wait.
func (s *Site) OnStored(f func()) { s.onStored.Store(&f) }

// isFull reports whether more is staged than there is room for.
func (g *staging) isFull() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.messages >= g.maxMessages || g.bytes >= g.maxBytes
}

// put adds a message, if there is room or its publisher retains it.
func (g *staging) put(msg []byte, kept bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if kept && g.closed {
		g.giveUp()
	}
	g.taken++
	if g.closed || !kept && (g.messages >= g.maxMessages || g.bytes+int64(len(msg)) > g.maxBytes) {
		g.dropped++
		return false
	}
	g.messages++
	g.bytes += int64(len(msg))
	c := g.last(backlog.Room + len(msg))
	c.buf = append(append(c.buf, room[:]...), msg...)
	c.ends, c.kept = append(c.ends, len(c.buf)), append(c.kept, kept)
	return true
}

// giveUp notes that something is not stored that a publisher retains. The caller holds mu.
func (g *staging) giveUp() {
	if !g.unstored {
		g.unstored, g.stored = true, g.taken-g.dropped-uint64(g.messages)
	}
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
		c.buf, c.ends, c.kept = c.buf[:0], c.ends[:0], c.kept[:0]
		g.spare = append(g.spare, c)
	}
	if g.messages < g.maxMessages && g.bytes < g.maxBytes {
		g.space.Wake()
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
	if !g.closed {
		g.closed = true
		close(g.over)
	}
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
			err := s.store(c)
			s.staging.written(c)
			if f := s.onStored.Load(); f != nil && *f != nil {
				(*f)()
			}
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

// store writes a chunk to the backlog. It waits for room for messages that publishers retain.
func (s *Site) store(c *chunk) (err error) {
	for i, start := 0, 0; i < len(c.ends); {
		j := i + 1
		for ; j < len(c.ends) && c.kept[j] == c.kept[i]; j++ {
		}
		ends := c.ends[i:j]
		if start > 0 {
			for k := range ends {
				ends[k] -= start
			}
		}
		buf := c.buf[start:]
		start += ends[len(ends)-1]
		e := error(nil)
		if c.kept[i] {
			e = s.storeKept(buf, ends)
		} else {
			_, e = s.queue.Append(buf, ends)
		}
		if e != nil {
			err = e
		}
		i = j
	}
	return err
}

// roomEvery is how often the writer looks for room in a full backlog.
const roomEvery = 2 * time.Millisecond

// storeKept writes messages that their publishers retain. When the site closes it drops, and counts, those
// for which there is no room; they are not confirmed.
func (s *Site) storeKept(buf []byte, ends []int) error {
	for {
		n, err := s.queue.AppendInOrder(buf, ends)
		if n == len(ends) {
			return err
		}
		if n > 0 {
			done := ends[n-1]
			buf, ends = buf[done:], ends[n:]
			for k := range ends {
				ends[k] -= done
			}
		}
		if err == nil {
			err = errWaits
		}
		s.problem("backlog", err.Error())
		select {
		case <-time.After(roomEvery):
		case <-s.staging.over:
			s.staging.mu.Lock()
			s.staging.giveUp()
			s.staging.mu.Unlock()
			_, err = s.queue.Append(buf, ends)
			return err
		}
	}
}

// errFull and errWaits say what happens while the backlog is full; each text stays the same, so that it is
// told once.
var (
	errFull  = errors.New("the backlog is full, and new messages are dropped: see why JetStream does not take them, or give the backlog more bytes")
	errWaits = errors.New("the backlog is full, and publishers are held back: see why JetStream does not take them, or give the backlog more bytes")
)

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
