package zmtp

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/inproc"
	"github.com/hermes-zmq/hermes/internal/invariants"
	"github.com/hermes-zmq/hermes/internal/queue"
)

// The send buffer of one connection: a queue (spanQueue) and the writing of it.
//
// Only the holder of the writing flag writes. flush sets the flag and either writes without
// blocking, which saves the switch to another goroutine, or, by handOver, passes it to the
// writer goroutine of the connection, which may block. The writer also sets it itself, for
// the rest of a closing buffer. Callers of flush that find the flag set only leave what they
// have added in the queue, so that one system call writes the additions of many.
//
//	state                          who writes
//	!writing                       no one; the queue may be non-empty until the next flush,
//	                               or after a write error
//	writing && !handedOver         the caller of flush, or the writer during a write
//	writing && handedOver          the writer, as soon as it runs
//
// Life: open → finish (closing: refuses messages, writes the rest, then is shut, and shuts down
// the sending direction: commands are refused as well) → kill (dead: the queue is released at once, or when the write in
// progress ends). kill may come at any time.
//
// mu guards all fields but io, and conn.topics of the same peer; it is not held during a
// write. Lock order: see zmtp.go.

const (
	// directRounds is the maximum number of direct writes per flush, the first included. The
	// caller repeats them for what others have queued meanwhile.
	directRounds = 4
	// directPause is the minimum time since the last write to a peer for a direct write. In a
	// quick succession of small batches the writer writes: more batches are queued while it
	// writes one, and go out together.
	directPause = 30 * time.Microsecond
	// directBytes is the size of the queue from which directPause does not apply.
	directBytes = 16 << 10
)

// sendBuffer is what waits to be written to one peer, and the writing of it.
type sendBuffer struct {
	io *rawio // constant; only the holder of the writing flag writes

	mu        invariants.Mutex
	spanQueue           // what is to be written next
	backlog   *backlog  // what comes after it and can be removed; nil if nothing ever is
	retained  *retained // what the peer is to confirm, see retained.go; nil: it confirms nothing
	confirmed uint64    // how many messages the peer has confirmed; of some it may have done so before sent counts them
	roomMade  sync.Cond // a queue that was full may have room, or the buffer is closing or dead
	work      sync.Cond // the writer has something to do
	waiting   int       // number of goroutines that wait for roomMade

	writing    bool          // a goroutine holds the writing flag
	handedOver bool          // the writer is to take over the flag
	lastWrite  time.Duration // when writing was last cleared, on the clock of now
	stalled    atomic.Bool   // no Send waits for this peer; see failover.go and throttle.go
	waited     time.Duration // by Sends for this path; see failover.go
	closing    bool          // no message will be added; shut down when empty
	shut       bool          // it has been empty then: nothing is added any more
	dead       bool          // the connection is gone

	dropped uint64 // messages for which there was no room, without those that backlog counts

	sealed *sealedOutput // of an encrypted connection; nil otherwise

	within *inproc.Conn   // of a connection within this process; nil otherwise, see inproc.go
	ranges []inproc.Range // for writeWithin; owned by the holder of the writing flag

	levels *levels       // of the outlet that holds back publishers, or nil; see throttle.go
	behind atomic.Bool   // so much is queued that publishers are held back
	seen   progress      // of the peer, at the last look
	took   time.Duration // when that changed, on the clock of package flow
}

func (o *sendBuffer) init(io *rawio, maxMessages int, maxBytes int64) {
	o.mu.Rank(lockFamily, rankSendBuffer)
	o.io, o.maxMessages, o.maxBytes = io, maxMessages, maxBytes
	o.roomMade.L, o.work.L = &o.mu, &o.mu
}

// addToBacklog queues the messages [i, j) of b, for a peer in whose queue room can be made: those
// for which there is room, from the first one on, and if there is none, and displace says so,
// all. It returns the first that is not queued. The caller holds mu.
func (o *sendBuffer) addToBacklog(b *batch.Batch, i, j int, displace bool) (next int) {
	k := o.backlog
	k.limit(o.maxMessages-o.messages, o.maxBytes-o.bytes)
	n := k.fits(b, i, j)
	switch {
	case n > 0:
		j = i + n
	case !displace:
		return i
	}
	bytes := b.Ends[j-1] - b.Start(i)
	copied := bytes < sparseBytes && j-i < b.Len() || o.pins(b, bytes)
	if n > 0 {
		k.add(b, i, j, copied)
	} else {
		k.displace(b, i, j, copied)
	}
	return j
}

// fits is spanQueue.fits, and 0 where too much is retained. The caller holds mu.
func (o *sendBuffer) fits(b *batch.Batch, i, n int) int {
	if o.retained != nil && o.retained.full() {
		return 0
	}
	return o.spanQueue.fits(b, i, n)
}

// queued is how many messages wait, and how many bytes, commands included. The caller holds mu,
// as for empty and discard.
func (o *sendBuffer) queued() (messages int, bytes int64) {
	if o.backlog == nil {
		return o.messages, o.bytes
	}
	return o.messages + o.backlog.messages, o.bytes + o.backlog.bytes
}

func (o *sendBuffer) empty() bool {
	return o.spanQueue.empty() && (o.backlog == nil || o.backlog.messages == 0) && o.sealed.empty()
}

// discard empties the queue of a dead buffer, releases everything, and wipes the keys. Nothing is
// being written, and nothing will be.
func (o *sendBuffer) discard() {
	if o.sealed != nil {
		o.sealed.codec.wipe()
	}
	o.spanQueue.discard()
	if o.backlog != nil {
		o.backlog.discard()
	}
}

// pins reports whether queueing bytes bytes of b by reference would keep more than twice as
// much memory alive beyond the present call, because another goroutine is writing. The caller
// holds mu.
func (o *sendBuffer) pins(b *batch.Batch, bytes int) bool {
	return o.writing && 2*bytes < b.Held()
}

// addWhatFits queues the messages of b for which there is room, or can be made, from the first
// one on, and counts the others as dropped. The caller holds mu.
func (o *sendBuffer) addWhatFits(b *batch.Batch) (taken int) {
	o.mixed = o.mixed || countSystem(b) > 0
	n := b.Len()
	if o.backlog != nil {
		for taken < n {
			taken = o.addToBacklog(b, taken, n, true)
		}
		return n
	}
	if taken = o.fits(b, 0, n); taken > 0 {
		o.add(b, 0, taken, false)
		o.noteLevel()
	}
	o.dropped += uint64(n - taken)
	return taken
}

// hasRoom reports whether there is room for the messages [i, j) of b without removing others.
// The caller holds mu.
func (o *sendBuffer) hasRoom(b *batch.Batch, i, j int) bool {
	k := &o.spanQueue
	if o.backlog != nil {
		o.backlog.limit(o.maxMessages-o.messages, o.maxBytes-o.bytes)
		k = &o.backlog.spanQueue
	}
	return j == i || k.fits(b, i, j) == j-i
}

// setBounds changes the bounds of the queue; what waits already stays.
func (o *sendBuffer) setBounds(messages int, bytes int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.maxMessages, o.maxBytes = messages, bytes
	o.noteLevel()
	o.roomMade.Broadcast()
}

// now is the time on a monotonic clock.
func now() time.Duration { return time.Since(epoch) }

var epoch = time.Now()

// flush writes the queue without blocking, and leaves to the writer what the kernel does not
// take, or all of it (see directPause). If another goroutine holds the writing flag, flush does
// nothing: that one writes. The caller holds mu, which flush releases. An error ends the
// connection.
func (o *sendBuffer) flush() error {
	defer o.mu.Unlock()
	if o.writing || o.dead || o.empty() {
		return nil
	}
	o.writing = true
	if _, bytes := o.queued(); bytes < directBytes && now()-o.lastWrite < directPause {
		o.handOver()
		return nil
	}
	for range directRounds {
		if o.dead || o.empty() {
			o.endTurn()
			return nil
		}
		full, err := o.writeSome(false)
		if err != nil {
			o.endTurn()
			return err
		}
		if full {
			o.handOver()
			return nil
		}
	}
	if o.dead || o.empty() {
		o.endTurn()
	} else {
		o.handOver()
	}
	return nil
}

// writeSome writes what fits into one system call. full reports that the kernel did not take
// all of it. The caller holds mu, which is released during the write, and the writing flag.
func (o *sendBuffer) writeSome(wait bool) (full bool, err error) {
	if o.sealed != nil {
		return o.writeSealed(wait)
	}
	if o.within != nil {
		return o.writeWithin(wait)
	}
	o.advance()
	count, offered := o.gather(o.io)
	n, err := o.writeUnlocked(count, wait)
	o.io.clearVector(count)
	if err == nil {
		o.written(n)
		o.wrote()
	}
	return n < offered, err
}

// advance moves what comes next from the backlog, if there is one, to the queue. The caller
// holds mu and the writing flag.
func (o *sendBuffer) advance() {
	if o.backlog != nil {
		o.backlog.advance(&o.spanQueue, queue.Share(o.maxMessages), queue.Share(o.maxBytes))
	}
}

// wrote tells those that wait for room that there may be some. The caller holds mu.
func (o *sendBuffer) wrote() {
	o.noteLevel()
	if o.mixed && o.empty() {
		o.mixed = false
	}
	if o.waiting > 0 {
		o.roomMade.Broadcast()
	}
}

func (o *sendBuffer) writeUnlocked(count int, wait bool) (int, error) {
	o.mu.Unlock()
	defer o.mu.Lock()
	return o.io.write(count, wait)
}

// idle reports whether the buffer is open and empty, and no one writes.
func (o *sendBuffer) idle() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.writing && !o.dead && !o.closing && o.empty() && (o.retained == nil || !o.retained.full())
}

// handOver passes the writing flag to the writer goroutine. The caller holds mu and the flag.
func (o *sendBuffer) handOver() {
	o.handedOver = true
	o.work.Signal()
}

// endTurn clears the writing flag, which the caller holds, and releases the queue of a dead
// buffer. The caller holds mu.
func (o *sendBuffer) endTurn() {
	o.writing = false
	o.lastWrite = now()
	if o.dead {
		o.discard()
	}
	if o.dead || o.closing {
		o.work.Signal()
	}
}

// runWriter is the writer: it writes what is handed over, until the buffer is dead or, after
// finish, empty. An error ends the connection.
func (o *sendBuffer) runWriter() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for {
		switch {
		case o.handedOver:
			o.handedOver = false
			for !o.dead && !o.empty() {
				if _, err := o.writeSome(true); err != nil {
					o.endTurn()
					return err
				}
			}
			o.endTurn()
		case o.dead:
			return nil
		case o.closing && !o.writing && o.empty():
			o.shut = true
			if o.sealed.end() {
				continue // and write it
			}
			o.io.closeWrite()
			return nil
		case o.closing && !o.writing:
			o.writing, o.handedOver = true, true
		default:
			o.work.Wait()
		}
	}
}

// waitWhile blocks until needed returns false or the buffer is closing or dead. The caller
// holds mu, which is released while waiting; needed is called with mu held.
func (o *sendBuffer) waitWhile(needed func() bool) {
	for !o.dead && !o.closing && needed() {
		o.waiting++
		o.roomMade.Wait()
		o.waiting--
	}
}

// waitForRoom blocks until there is room for message i of b, the buffer is closing or dead, or
// most has passed, and returns the time waited. The caller does not hold mu.
func (o *sendBuffer) waitForRoom(b *batch.Batch, i int, most time.Duration) time.Duration {
	began := now()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waitAtMost(most, func() bool { return o.fits(b, i, i+1) == 0 })
	return now() - began
}

// waitAtMost is waitWhile, and not longer than most. It reports whether needed still returns true.
func (o *sendBuffer) waitAtMost(most time.Duration, needed func() bool) bool {
	began := now()
	t := time.AfterFunc(most, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.roomMade.Broadcast()
	})
	defer t.Stop()
	o.waitWhile(func() bool { return needed() && now()-began < most })
	return !o.dead && !o.closing && needed()
}

// accepting reports whether Send queues messages for this peer, or waits for room: the buffer
// is open and not stalled.
func (o *sendBuffer) accepting() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.stalled.Load() && !o.dead && !o.closing
}

// over reports whether nothing may be added, commands included. The caller holds mu.
func (o *sendBuffer) over() bool { return o.dead || o.shut }

// finish makes the buffer refuse messages. When the queue is empty, the writer shuts down the
// sending direction of the connection.
func (o *sendBuffer) finish() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closing = true
	o.roomMade.Broadcast()
	o.work.Signal()
}

// kill discards the queue, and returns how many messages were not written completely and are neither
// confirmed nor retained. The queue is released at once, or when the write in progress ends.
func (o *sendBuffer) kill() (unsent int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	unsent, _ = o.queued()
	written := max(o.sent, o.confirmed)
	unsent -= int(written - o.sent)
	if o.retained != nil {
		unsent -= o.retained.behind(written)
	}
	unsent = max(unsent, 0)
	o.dead = true
	o.noteLevel()
	if !o.writing || o.handedOver {
		o.discard()
	}
	o.roomMade.Broadcast()
	o.work.Signal()
	return unsent
}
