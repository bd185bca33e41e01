package zmtp

import (
	"sort"
	"sync"
	"time"

	"github.com/hermes-zmq/hermes/internal/batch"
)

const (
	// directRounds is how often a caller writes on for others who have added to
	// the queue meanwhile, before it leaves the rest to the writer.
	directRounds = 4
	// lull is how long nothing must have been written to a peer for a caller to write
	// to it directly. In a quick succession of small batches the writer is left to
	// it: while it writes one, many more are queued, and go out together.
	lull = 30 * time.Microsecond
	// directBytes is the size from which a write is worth a call of its own.
	directBytes = 16 << 10
	// sparseBytes is the average size of a run of wanted messages below which
	// copying them together is cheaper than writing them one range each.
	sparseBytes = 1 << 10
)

// span is a range of whole messages of a batch: bytes [off, end), in which the
// messages [first, last) end. Commands are bytes in which no message ends.
type span struct {
	b           *batch.Batch
	off, end    int
	first, last int
}

// outbox is what waits to be written to one peer, in order, and its writing.
//
// One goroutine at a time writes: the one that set busy. A caller who finds the
// outbox idle writes itself, without waiting, which spares the hand-over between
// goroutines; what the kernel does not take at once is left to the writer, a
// goroutine that can wait. Callers who find it busy only add to the queue, so
// that one write takes along what many have added.
//
// Queued spans keep their batches alive. Where a batch is much bigger than what is
// wanted of it, or wanted in crumbs, the bytes are copied into an arena of the
// outbox's own, so that a queue pins no more than about twice its bytes.
type outbox struct {
	io *rawio

	maxMessages int
	maxBytes    int64

	mu     sync.Mutex
	room   sync.Cond // somebody waits for a shorter queue
	work   sync.Cond // the writer waits for something to do
	queue  []span
	head   int           // queue[:head] is written
	own    *batch.Batch  // the arena that copies go to, or none
	waits  int           // how many wait for room
	busy   bool          // somebody writes
	handed bool          // busy on behalf of the writer
	rested time.Duration // when somebody last ended to write
	behind bool          // nobody waits for it: see giveAll
	last   bool          // no message will be added; close when empty
	dead   bool          // the connection is gone

	messages int
	bytes    int64 // commands included
	commands int64 // bytes of commands queued since the queue was last empty
	sent     uint64
	dropped  uint64
}

func (o *outbox) init(io *rawio, maxMessages int, maxBytes int64) {
	o.io, o.maxMessages, o.maxBytes = io, maxMessages, maxBytes
	o.room.L, o.work.L = &o.mu, &o.mu
}

// fits reports how many of the messages [i, n) of b there is room for. A message
// bigger than the queue itself may have the queue for itself.
func (o *outbox) fits(b *batch.Batch, i, n int) int {
	n = min(n, i+o.maxMessages-o.messages)
	start, bytes := b.Start(i), o.bytes
	if n <= i {
		return 0
	}
	if bytes+int64(b.Ends[n-1]-start) <= o.maxBytes {
		return n - i
	}
	k := sort.Search(n-i, func(k int) bool { return bytes+int64(b.Ends[i+k]-start) > o.maxBytes })
	if k == 0 && bytes == 0 {
		return 1
	}
	return k
}

// add queues the messages [i, j) of b.
func (o *outbox) add(b *batch.Batch, i, j int, copied bool) {
	start, end := b.Start(i), b.Ends[j-1]
	o.messages += j - i
	o.bytes += int64(end - start)
	if copied {
		o.copyMessages(b, i, j)
		return
	}
	if t := o.tail(); t != nil && t.b == b && t.end == start && t.last == i {
		t.end, t.last = end, j
		return
	}
	b.Retain()
	o.queue = append(o.queue, span{b, start, end, i, j})
}

// pins reports whether queueing bytes of b would keep far more memory alive than
// that for longer than the write under way.
func (o *outbox) pins(b *batch.Batch, bytes int) bool {
	return o.busy && 2*bytes < cap(b.Buf)
}

func (o *outbox) tail() *span {
	if o.head == len(o.queue) {
		return nil
	}
	return &o.queue[len(o.queue)-1]
}

func (o *outbox) copyMessages(b *batch.Batch, i, j int) {
	start, end := b.Start(i), b.Ends[j-1]
	own := o.arena(end - start)
	off, first := len(own.Buf), len(own.Ends)
	own.Buf = append(own.Buf, b.Buf[start:end]...)
	for _, e := range b.Ends[i:j] {
		own.Ends = append(own.Ends, e-start+off)
	}
	o.extend(off, first)
}

// addCommand queues a copy of bytes that belong to no message.
func (o *outbox) addCommand(p []byte) {
	own := o.arena(len(p))
	off, first := len(own.Buf), len(own.Ends)
	own.Buf = append(own.Buf, p...)
	o.bytes += int64(len(p))
	o.commands += int64(len(p))
	o.extend(off, first)
}

// arena is the outbox's own batch, with room for size bytes: what has been queued
// of it must not move.
func (o *outbox) arena(size int) *batch.Batch {
	if o.own != nil && cap(o.own.Buf)-len(o.own.Buf) < size {
		o.own.Release()
		o.own = nil
	}
	if o.own == nil {
		o.own = batch.Get()
		o.own.Grow(size)
	}
	return o.own
}

// extend queues what has been added to the arena since off and first.
func (o *outbox) extend(off, first int) {
	end, last := len(o.own.Buf), len(o.own.Ends)
	if t := o.tail(); t != nil && t.b == o.own && t.end == off {
		t.end, t.last = end, last
		return
	}
	o.own.Retain()
	o.queue = append(o.queue, span{o.own, off, end, first, last})
}

// gather puts the head of the queue into the write vector and reports how many
// ranges that are.
func (o *outbox) gather() int {
	n := min(len(o.queue)-o.head, maxVector)
	for i := range n {
		s := &o.queue[o.head+i]
		o.io.setVector(i, s.b.Buf[s.off:s.end])
	}
	return n
}

// written takes n bytes off the queue.
func (o *outbox) written(n int) {
	o.bytes -= int64(n)
	for n > 0 {
		s := &o.queue[o.head]
		if k := s.end - s.off; n >= k {
			o.count(s.last - s.first)
			s.b.Release()
			s.b = nil
			o.head++
			n -= k
			continue
		}
		s.off += n
		ends := s.b.Ends[s.first:s.last]
		done := sort.Search(len(ends), func(i int) bool { return ends[i] > s.off })
		o.count(done)
		s.first += done
		n = 0
	}
	o.tidy()
	if o.waits > 0 {
		o.room.Broadcast()
	}
}

func (o *outbox) count(messages int) {
	o.messages -= messages
	o.sent += uint64(messages)
}

// tidy gives back memory that the queue no longer needs.
func (o *outbox) tidy() {
	if o.head < len(o.queue) {
		if o.head >= 256 && o.head > len(o.queue)/2 {
			o.queue = o.queue[:copy(o.queue, o.queue[o.head:])]
			o.head = 0
		}
		return
	}
	o.head, o.commands = 0, 0
	if o.queue = o.queue[:0]; cap(o.queue) > 1024 {
		o.queue = nil
	}
	if o.own != nil {
		o.own.Release()
		o.own = nil
	}
}

// now is the time on a clock that nobody sets.
func now() time.Duration { return time.Since(epoch) }

var epoch = time.Now()

// kick sees to it that what is queued gets written, if nobody does already: at
// once by the caller, as far as the kernel takes it, and else by the writer. The
// caller holds mu, which kick gives up.
func (o *outbox) kick() error {
	if o.busy || o.dead || o.head == len(o.queue) {
		o.mu.Unlock()
		return nil
	}
	o.busy = true
	if o.bytes < directBytes && now()-o.rested < lull {
		o.hand()
		o.mu.Unlock()
		return nil
	}
	for round := 0; ; round++ {
		if o.dead || o.head == len(o.queue) {
			o.rest()
			o.mu.Unlock()
			return nil
		}
		if round == directRounds {
			o.hand()
			o.mu.Unlock()
			return nil
		}
		full, err := o.writeOnce(false)
		if err != nil {
			o.rest()
			o.mu.Unlock()
			return err
		}
		if full {
			o.hand()
			o.mu.Unlock()
			return nil
		}
	}
}

// writeOnce writes what fits into one call, giving up mu meanwhile. full reports
// that the kernel did not take all of it. The caller has set busy.
func (o *outbox) writeOnce(wait bool) (full bool, err error) {
	count := o.gather()
	before := o.offered(count)
	o.mu.Unlock()
	n, err := o.io.write(count, wait)
	o.mu.Lock()
	o.io.clearVector(count)
	if err == nil {
		o.written(n)
	}
	return n < before, err
}

func (o *outbox) offered(count int) (n int) {
	for i := range count {
		s := &o.queue[o.head+i]
		n += s.end - s.off
	}
	return n
}

// idle reports that nothing waits and nobody writes.
func (o *outbox) idle() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.busy && !o.dead && !o.last && o.head == len(o.queue)
}

// hand leaves the writing to the writer.
func (o *outbox) hand() {
	o.handed = true
	o.work.Signal()
}

// rest ends the caller's turn at writing.
func (o *outbox) rest() {
	o.busy = false
	o.rested = now()
	if o.dead {
		o.discard()
	}
	if o.dead || o.last {
		o.work.Signal()
	}
}

// writer writes what others have left over, until the outbox is dead or, after
// finish, empty. It reports an error of the connection.
func (o *outbox) writer() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for {
		switch {
		case o.handed:
			o.handed = false
			for !o.dead && o.head < len(o.queue) {
				if _, err := o.writeOnce(true); err != nil {
					o.rest()
					return err
				}
			}
			o.rest()
		case o.dead:
			return nil
		case o.last && !o.busy && o.head == len(o.queue):
			o.io.closeWrite()
			return nil
		case o.last && !o.busy:
			o.busy, o.handed = true, true
		default:
			o.work.Wait()
		}
	}
}

// finish refuses more messages; once the queue is empty the peer is told that
// nothing more will come.
func (o *outbox) finish() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.last = true
	o.room.Broadcast()
	o.work.Signal()
}

// kill gives up what is queued and reports how many messages that were.
func (o *outbox) kill() (unsent int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	unsent = o.messages
	o.dead = true
	if !o.busy || o.handed {
		o.discard()
	}
	o.room.Broadcast()
	o.work.Signal()
	return unsent
}

// discard releases everything. Nobody is writing.
func (o *outbox) discard() {
	for _, s := range o.queue[o.head:] {
		s.b.Release()
	}
	o.queue, o.head = nil, 0
	o.messages, o.bytes = 0, 0
	if o.own != nil {
		o.own.Release()
		o.own = nil
	}
}
