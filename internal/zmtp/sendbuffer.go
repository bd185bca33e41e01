package zmtp

import (
	"sync"
	"time"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/invariants"
)

// The send buffer of one connection: a queue (spanQueue) and the writing of it.
//
// One goroutine at a time writes: the one that set writing. A caller of flush that finds
// the buffer idle writes itself, without blocking, which spares the switch to another
// goroutine. What the kernel does not take at once is left to the writer, a goroutine
// of the connection that may block. Callers that find a write under way only add to the
// queue, so that one system call carries what many have added.
//
//	state                          who writes
//	!writing                       no goroutine; the queue is empty, or dead is set
//	writing && !handedOver         the caller of flush, or the writer during a write
//	writing && handedOver          the writer, as soon as it runs
//
// Life: open → finish (closing: refuses messages, writes the rest, then shuts down the
// sending direction) → kill (dead: everything is released). kill may come at any time.
//
// mu guards everything but io; it is not held during a write. Lock order: see zmtp.go.

const (
	// directRounds is how often a caller of flush goes on writing what others have
	// queued meanwhile, before it leaves the rest to the writer.
	directRounds = 4
	// directPause is how long a peer must not have been written to for a caller to write
	// directly. In a quick succession of small batches the writer does it: while it
	// writes one, many more are queued, and go out together.
	directPause = 30 * time.Microsecond
	// directBytes is the size from which a direct write is worth its system call even so.
	directBytes = 16 << 10
)

// sendBuffer is what waits to be written to one peer, and the writing of it.
type sendBuffer struct {
	io *rawio // only the goroutine that set writing writes

	mu        invariants.Mutex
	spanQueue           // what waits
	roomMade  sync.Cond // a queue that was full may have room, or the buffer is closing or dead
	work      sync.Cond // the writer has something to do
	waiting   int       // how many goroutines wait for roomMade

	writing    bool          // a goroutine writes
	handedOver bool          // writing is set on behalf of the writer
	lastWrite  time.Duration // when writing was last cleared, on the clock of now
	stalled    bool          // failover does not wait for this peer, see failover.go
	closing    bool          // no message will be added; shut down when empty
	dead       bool          // the connection is gone

	dropped uint64 // messages for which there was no room
}

func (o *sendBuffer) init(io *rawio, maxMessages int, maxBytes int64) {
	o.mu.Rank(lockFamily, rankSendBuffer)
	o.io, o.maxMessages, o.maxBytes = io, maxMessages, maxBytes
	o.roomMade.L, o.work.L = &o.mu, &o.mu
}

// pins reports whether queueing bytes of b would keep far more memory alive than
// that for longer than the write under way. The caller holds mu.
func (o *sendBuffer) pins(b *batch.Batch, bytes int) bool {
	return o.writing && 2*bytes < cap(b.Buf)
}

// addWhatFits queues the messages of b for which there is room, from the first one on,
// and counts the others as dropped. The caller holds mu.
func (o *sendBuffer) addWhatFits(b *batch.Batch) (taken int) {
	n := b.Len()
	if taken = o.fits(b, 0, n); taken > 0 {
		o.add(b, 0, taken, false)
	}
	o.dropped += uint64(n - taken)
	return taken
}

// setBounds changes the bounds of the queue; what waits already stays.
func (o *sendBuffer) setBounds(messages int, bytes int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.maxMessages, o.maxBytes = messages, bytes
	o.roomMade.Broadcast()
}

// now is the time on a monotonic clock.
func now() time.Duration { return time.Since(epoch) }

var epoch = time.Now()

// flush sees to it that what is queued gets written, if no goroutine does already: at
// once by the caller, as far as the kernel takes it, and else by the writer. The
// caller holds mu, which flush releases. An error is the connection's.
func (o *sendBuffer) flush() error {
	defer o.mu.Unlock()
	if o.writing || o.dead || o.empty() {
		return nil
	}
	o.writing = true
	if o.bytes < directBytes && now()-o.lastWrite < directPause {
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

// writeSome writes what fits into one system call, and releases mu meanwhile. full
// reports that the kernel did not take all of it. The caller has set writing.
func (o *sendBuffer) writeSome(wait bool) (full bool, err error) {
	count, offered := o.gather(o.io)
	n, err := o.writeUnlocked(count, wait)
	o.io.clearVector(count)
	if err == nil {
		o.written(n)
		if o.waiting > 0 {
			o.roomMade.Broadcast()
		}
	}
	return n < offered, err
}

func (o *sendBuffer) writeUnlocked(count int, wait bool) (int, error) {
	o.mu.Unlock()
	defer o.mu.Lock()
	return o.io.write(count, wait)
}

// idle reports that nothing waits and no goroutine writes.
func (o *sendBuffer) idle() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.writing && !o.dead && !o.closing && o.empty()
}

// handOver leaves the writing to the writer.
func (o *sendBuffer) handOver() {
	o.handedOver = true
	o.work.Signal()
}

// endTurn ends the turn of the goroutine that set writing.
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

// runWriter writes what others have handed over, until the buffer is dead or, after
// finish, empty. It reports an error of the connection.
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
			o.io.closeWrite()
			return nil
		case o.closing && !o.writing:
			o.writing, o.handedOver = true, true
		default:
			o.work.Wait()
		}
	}
}

// waitForRoom waits for room, for as long as wait reports that it is needed; a buffer
// that is closing or dead ends it. The caller holds mu.
func (o *sendBuffer) waitForRoom(needed func() bool) {
	for !o.dead && !o.closing && needed() {
		o.waiting++
		o.roomMade.Wait()
		o.waiting--
	}
}

// awaitRoom waits for room for message i of b, at most so long, and reports how long
// that took.
func (o *sendBuffer) awaitRoom(b *batch.Batch, i int, most time.Duration) time.Duration {
	began := now()
	t := time.AfterFunc(most, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.roomMade.Broadcast()
	})
	defer t.Stop()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waitForRoom(func() bool { return o.fits(b, i, i+1) == 0 && now()-began < most })
	return now() - began
}

// setStalled notes whether failover goes on without this peer.
func (o *sendBuffer) setStalled(stalled bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stalled = stalled
}

func (o *sendBuffer) isStalled() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.stalled
}

// accepting reports that messages for this peer are queued, or waited with.
func (o *sendBuffer) accepting() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.stalled && !o.dead && !o.closing
}

// finish refuses more messages; once the queue is empty the peer is told that
// nothing more will come.
func (o *sendBuffer) finish() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closing = true
	o.roomMade.Broadcast()
	o.work.Signal()
}

// kill gives up what is queued and reports how many messages that were.
func (o *sendBuffer) kill() (unsent int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	unsent = o.messages
	o.dead = true
	if !o.writing || o.handedOver {
		o.discard()
	}
	o.roomMade.Broadcast()
	o.work.Signal()
	return unsent
}
