package zmtp

import (
	"sort"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/invariants"
	"github.com/hermes-zmq/hermes/internal/systemtopic"
)

// What waits to be written to one peer, in order, as ranges of batches.
//
// A span retains its batch until it is written. Where a batch is much bigger than what the
// peer wants of it, or the wanted messages lie scattered, their bytes are copied into an arena
// of the queue's own, so that a queue keeps no more than about twice its bytes alive. Commands
// are copied there as well.
//
// Invariants: messages and bytes are the sums over spans[head:]. What fits adds does not
// exceed the bounds, except one message that is bigger than the whole queue, and commands.
//
// The mutex of the sendBuffer guards all of it.

// sparseBytes is the average size of a run of wanted messages below which
// copying them together is cheaper than writing them one range each.
const sparseBytes = 1 << 10

// span is a range of whole messages of a batch: bytes [off, end), in which the
// messages [first, last) end. Commands are bytes in which no message ends.
type span struct {
	b           *batch.Batch
	off, end    int
	first, last int
}

// spanQueue is the queue of one peer.
type spanQueue struct {
	maxMessages int   // bound of messages; what waited before the bound shrank stays
	maxBytes    int64 // bound of bytes

	spans []span
	head  int          // spans[:head] are written
	own   *batch.Batch // the arena that copies go to, or nil

	messages int    // that end in spans[head:]
	bytes    int64  // in spans[head:], commands included
	commands int64  // bytes of commands queued since the queue was last empty
	sent     uint64 // messages written completely
	system   uint64 // of these: of system topics
	mixed    bool   // there may be messages of system topics in the queue

	writtenBytes uint64 // commands included
}

func (q *spanQueue) empty() bool { return q.head == len(q.spans) }

// fits reports how many of the messages [i, n) of b there is room for. A message
// bigger than the queue itself is taken by an empty queue.
func (q *spanQueue) fits(b *batch.Batch, i, n int) int {
	n = min(n, i+q.maxMessages-q.messages)
	start, bytes := b.Start(i), q.bytes
	if n <= i {
		return 0
	}
	if bytes+int64(b.Ends[n-1]-start) <= q.maxBytes {
		return n - i
	}
	k := sort.Search(n-i, func(k int) bool { return bytes+int64(b.Ends[i+k]-start) > q.maxBytes })
	if k == 0 && bytes == 0 {
		return 1
	}
	return k
}

// add queues the messages [i, j) of b, for which there is room: as a copy, or by
// retaining b.
func (q *spanQueue) add(b *batch.Batch, i, j int, copied bool) {
	if invariants.Enabled {
		room := q.fits(b, i, j)
		invariants.Check(room == j-i, "send buffer: %d messages are queued, and there is room for %d", j-i, room)
		defer q.verify()
	}
	start, end := b.Start(i), b.Ends[j-1]
	q.messages += j - i
	q.bytes += int64(end - start)
	if copied {
		q.copyMessages(b, i, j)
		return
	}
	if t := q.tail(); t != nil && t.b == b && t.end == start && t.last == i {
		t.end, t.last = end, j
		return
	}
	b.Retain()
	q.spans = append(q.spans, span{b, start, end, i, j})
}

func (q *spanQueue) tail() *span {
	if q.empty() {
		return nil
	}
	return &q.spans[len(q.spans)-1]
}

func (q *spanQueue) copyMessages(b *batch.Batch, i, j int) {
	start, end := b.Start(i), b.Ends[j-1]
	own := q.arena(end - start)
	off, first := len(own.Buf), len(own.Ends)
	own.Buf = append(own.Buf, b.Buf[start:end]...)
	for _, e := range b.Ends[i:j] {
		own.Ends = append(own.Ends, e-start+off)
	}
	q.extend(off, first)
}

// push queues the messages of s, a span of another queue, and takes it over: as a part of the
// last span or as a span of its own. Small ones that lie scattered are copied.
func (q *spanQueue) push(s span) {
	size := s.end - s.off
	q.messages += s.last - s.first
	q.bytes += int64(size)
	t := q.tail()
	switch {
	case t == nil || size >= sparseBytes && !t.precedes(s):
		q.spans = append(q.spans, s)
		return
	case t.precedes(s):
		t.end, t.last = s.end, s.last
	default:
		q.copyMessages(s.b, s.first, s.last)
	}
	s.b.Release()
}

// precedes reports whether s goes on where t ends.
func (t *span) precedes(s span) bool { return t.b == s.b && t.end == s.off && t.last == s.first }

// addCommand queues a copy of bytes that belong to no message. Commands are not
// subject to the bounds; their senders look at commands or bytes first.
func (q *spanQueue) addCommand(p []byte) {
	own := q.arena(len(p))
	off, first := len(own.Buf), len(own.Ends)
	own.Buf = append(own.Buf, p...)
	q.bytes += int64(len(p))
	q.commands += int64(len(p))
	q.extend(off, first)
	if invariants.Enabled {
		q.verify()
	}
}

// arena is the queue's own batch, with room for size bytes without moving: spans
// that are queued already point into it.
func (q *spanQueue) arena(size int) *batch.Batch {
	if q.own != nil && cap(q.own.Buf)-len(q.own.Buf) < size {
		q.own.Release()
		q.own = nil
	}
	if q.own == nil {
		q.own = batch.Get()
		q.own.Grow(size)
	}
	return q.own
}

// extend queues what has been added to the arena since off and first.
func (q *spanQueue) extend(off, first int) {
	end, last := len(q.own.Buf), len(q.own.Ends)
	if t := q.tail(); t != nil && t.b == q.own && t.end == off {
		t.end, t.last = end, last
		return
	}
	q.own.Retain()
	q.spans = append(q.spans, span{q.own, off, end, first, last})
}

// gather puts the spans at the head into the write vector of io. It reports how many
// spans and how many bytes those are.
func (q *spanQueue) gather(io *rawio) (count, bytes int) {
	count = min(len(q.spans)-q.head, maxVector)
	for i := range count {
		s := &q.spans[q.head+i]
		io.setVector(i, s.b.Buf[s.off:s.end])
		bytes += s.end - s.off
	}
	return count, bytes
}

// ranges appends the bytes of the first spans.
func (q *spanQueue) ranges(dst [][]byte) [][]byte {
	for i := range min(len(q.spans)-q.head, maxVector) {
		s := &q.spans[q.head+i]
		dst = append(dst, s.b.Buf[s.off:s.end])
	}
	return dst
}

// written takes the first n bytes off the queue.
func (q *spanQueue) written(n int) {
	q.bytes -= int64(n)
	q.writtenBytes += uint64(n)
	for n > 0 {
		s := &q.spans[q.head]
		if k := s.end - s.off; n >= k {
			q.count(s.b, s.first, s.last)
			s.b.Release()
			s.b = nil
			q.head++
			n -= k
			continue
		}
		s.off += n
		ends := s.b.Ends[s.first:s.last]
		done := sort.Search(len(ends), func(i int) bool { return ends[i] > s.off })
		q.count(s.b, s.first, s.first+done)
		s.first += done
		n = 0
	}
	q.compact()
	if invariants.Enabled {
		q.verify()
	}
}

// count notes that the messages [i, j) of b have been written.
func (q *spanQueue) count(b *batch.Batch, i, j int) {
	q.messages -= j - i
	q.sent += uint64(j - i)
	for ; q.mixed && i < j; i++ {
		if systemtopic.Is(batch.Topic(behindCommands(b.Buf[b.Start(i):b.Ends[i]]))) {
			q.system++
		}
	}
}

// behindCommands is a message without the commands that stand before it in an arena.
func behindCommands(p []byte) []byte {
	for len(p) > 0 && p[0]&batch.FlagCommand != 0 {
		_, rest, _, ok := batch.NextFrame(p)
		if !ok {
			return nil
		}
		p = rest
	}
	return p
}

// compact gives back memory that the queue no longer needs.
func (q *spanQueue) compact() {
	if !q.empty() {
		if q.head >= 256 && q.head > len(q.spans)/2 {
			q.spans = q.spans[:copy(q.spans, q.spans[q.head:])]
			q.head = 0
		}
		return
	}
	q.head, q.commands = 0, 0
	if q.spans = q.spans[:0]; cap(q.spans) > 1024 {
		q.spans = nil
	}
	q.releaseArena()
}

// discard empties the queue and releases everything.
func (q *spanQueue) discard() {
	for _, s := range q.spans[q.head:] {
		s.b.Release()
	}
	q.spans, q.head = nil, 0
	q.messages, q.bytes = 0, 0
	q.releaseArena()
}

func (q *spanQueue) releaseArena() {
	if q.own != nil {
		q.own.Release()
		q.own = nil
	}
}

// verify checks that messages and bytes are the sums over the spans. Long queues are
// left out, so that tests with the invariants tag stay usable.
func (q *spanQueue) verify() {
	const longest = 128
	if len(q.spans)-q.head > longest {
		return
	}
	messages, bytes := 0, int64(0)
	for _, s := range q.spans[q.head:] {
		messages += s.last - s.first
		bytes += int64(s.end - s.off)
	}
	invariants.Check(messages == q.messages && bytes == q.bytes,
		"send buffer: %d messages of %d bytes are queued, and %d of %d counted", messages, bytes, q.messages, q.bytes)
}
