package recvqueue

import (
	"sync/atomic"
	"time"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/deadline"
	"github.com/hermes-zmq/hermes/internal/queue"
)

// How a full queue holds back its peers: the policies Auto and Block.
//
//	room    Put ──► queue ──► Take        the connection is read
//	full    Put waits (PutWaiting)        the connection is not read: its peer queues
//	stalled Put drops, at once            the connection is read
//
// Rules:
//
//  1. A Put that finds no room waits in the goroutine that reads the connection. While one
//     waits, those of other connections wait too, or they would always be faster.
//  2. It goes on when a share of the bound is free, see roomy: a queue that stays full would
//     otherwise switch to the reading goroutine for each envelope that is taken. Every
//     pollRoom it takes the room that there is, so that no connection is unread for long.
//  3. The application is stalled once a Put has waited for Limits.BlockFor in which nothing
//     was taken. From then on whatever comes is dropped, until half of what is queued has been
//     taken: waiting for each batch again would let a trickle in.
//  4. What is taken from the prefetch buffer is noticed by the next call of the application
//     into Go, and by each poll of a Put that waits.
//  5. The thread that takes must not wait for itself. What it reads (BeginTakerRead) comes in
//     as a whole, beyond the bound if need be. It reads only while nothing is queued.

// flowControl is the state of these rules. The queue's lock guards it, except takerReads.
type flowControl struct {
	room    chan struct{} // closed when there may be room; nil while no Put needs it
	waiting int           // Puts in PutWaiting
	stalled bool          // see isStalled
	resume  int64         // the number of records at which the application is not stalled any more

	takerReads atomic.Int32 // threads between BeginTakerRead and EndTakerRead
	heldAt     time.Time    // when a Put last waited; zero: never
}

// pollRoom is how often a Put that waits looks for room by itself.
const pollRoom = 100 * time.Millisecond

// A Put that waits goes on once an eighth of each bound is free, and at most so much.
const (
	roomShare    = 8
	roomMessages = 1024
	roomBytes    = 256 << 10
)

// roomWait is one Put that waits for room.
type roomWait struct {
	taken uint64        // what had been delivered when quiet was 0
	quiet time.Duration // for how long nothing has been taken since, by the polls
}

// PutWaiting takes in records of b that Put has left, and holds up its caller meanwhile:
// until all are in, until the application is stalled, or until EndWaits. It counts the others
// as dropped, and tells how many these are.
func (q *Queue) PutWaiting(b *batch.Batch, left []Record) (dropped int) {
	w := q.beginWait()
	for {
		n, room := q.putSome(b, left, &w)
		left = left[n:]
		if room == nil {
			return len(left)
		}
		if !q.awaitRoom(room, &w) {
			return q.giveUp(left)
		}
	}
}

func (q *Queue) beginWait() roomWait {
	q.lock()
	defer q.unlock()
	q.reconcile()
	q.flow.waiting++
	return roomWait{taken: q.counters.Delivered}
}

// putSome takes in what fits of records that wait for room. Where the wait goes on it gives a
// channel that is closed when there may be more; otherwise the wait is over, and what is not
// in was counted as dropped.
func (q *Queue) putSome(b *batch.Batch, records []Record, w *roomWait) (n int, room <-chan struct{}) {
	limit := q.limits.Bound()
	q.lock()
	defer q.unlock()
	q.reconcile()
	q.noteStall(w)
	if !q.isStalled() {
		n = q.roomFor(records, limit)
		q.counters.Arrived += uint64(n)
		q.append(b, records[:n], sizeOf(records[:n]), nil)
		if n < len(records) {
			if q.flow.room == nil {
				q.flow.room = make(chan struct{})
			}
			return n, q.flow.room
		}
	}
	q.endWait(records[n:])
	return n, nil
}

// noteStall notes that the application is stalled, where this Put has waited for long enough.
func (q *Queue) noteStall(w *roomWait) {
	if taken := q.counters.Delivered; taken != w.taken {
		*w = roomWait{taken: taken}
	} else if most := q.limits.BlockFor(); most >= 0 && w.quiet >= most {
		q.flow.stalled, q.flow.resume = true, q.count/2
		q.signalRoom() // the others that wait drop, too
	}
}

// awaitRoom waits for room or for the next poll. It reports false where no Put is to wait.
func (q *Queue) awaitRoom(room <-chan struct{}, w *roomWait) bool {
	pause := pollRoom
	if most := q.limits.BlockFor(); most >= 0 {
		pause = min(pause, max(most-w.quiet, 0))
	}
	t := deadline.After(pause)
	defer t.Stop()
	select {
	case <-room:
	case <-t.C:
		w.quiet += pause // and not what a clock says: this program may have been suspended
	case <-q.noWait.Opened():
		return false
	}
	return true
}

// giveUp ends the wait of a Put, and counts the records as dropped.
func (q *Queue) giveUp(records []Record) (dropped int) {
	q.lock()
	defer q.unlock()
	q.endWait(records)
	return len(records)
}

// HeldBackWithin reports whether a Put has waited for room within the last d: then what arrives
// now may be late because this end did not read.
func (q *Queue) HeldBackWithin(d time.Duration) bool {
	q.lock()
	defer q.unlock()
	return q.flow.waiting > 0 || !q.flow.heldAt.IsZero() && time.Since(q.flow.heldAt) <= d
}

func (q *Queue) endWait(dropped []Record) {
	q.flow.waiting--
	q.flow.heldAt = time.Now()
	q.counters.Arrived += uint64(len(dropped))
	q.counters.DroppedOverflow += uint64(len(dropped))
}

// isStalled reports whether what comes is to be dropped, and ends that state where enough has
// been taken.
func (q *Queue) isStalled() bool {
	q.flow.stalled = q.flow.stalled && q.count > q.flow.resume
	return q.flow.stalled
}

// BoundChanged lets a Put that waits for room look again: the bounds may be others.
func (q *Queue) BoundChanged() {
	q.lock()
	defer q.unlock()
	q.signalRoom()
}

// roomMade lets the Puts that wait go on, where that is worth it. It is called when something
// was taken.
func (q *Queue) roomMade() {
	if q.flow.room != nil && q.roomy() {
		q.signalRoom()
	}
}

func (q *Queue) roomy() bool {
	limit := q.limits.Bound()
	n := min(max(limit.Messages/roomShare, 1), roomMessages)
	size := min(limit.Bytes/roomShare, roomBytes)
	return q.count == 0 ||
		q.count+n <= limit.Messages && q.bytes+size <= limit.Bytes && q.memory()+size <= limit.Bytes+queue.Slack
}

func (q *Queue) signalRoom() {
	if q.flow.room != nil {
		close(q.flow.room)
		q.flow.room = nil
	}
}

// accept tells how many of the records, which have a size together, may come in now, and
// whether the others are to wait.
func (q *Queue) accept(records []Record, size int64, limit queue.Bound) (n int, wait bool) {
	stalled := q.isStalled()
	switch {
	case q.flow.takerReads.Load() > 0:
		return len(records), false
	case stalled:
		return 0, false
	case q.flow.waiting > 0:
		return 0, true
	case q.fits(int64(len(records)), size, limit):
		return len(records), false
	}
	return q.roomFor(records, limit), true
}

// BeginTakerRead says that a thread is about to read the connection, until EndTakerRead, that
// also takes from the queue: no Put must wait meanwhile. The thread calls it only while the
// queue holds nothing back.
func (q *Queue) BeginTakerRead() { q.flow.takerReads.Add(1) }

// EndTakerRead is the end of BeginTakerRead.
func (q *Queue) EndTakerRead() { q.flow.takerReads.Add(-1) }

// HoldsBack reports whether a Put would have to wait.
func (q *Queue) HoldsBack() bool {
	limit := q.limits.Bound()
	q.lock()
	defer q.unlock()
	q.reconcile()
	return q.policy.Waits() && !q.fits(1, 0, limit)
}
