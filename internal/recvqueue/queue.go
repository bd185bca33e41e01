// Package recvqueue is the bounded queue of received envelopes: what has arrived and has not
// been taken yet, and the account of everything that has arrived.
//
// Data walks one way. Admission stages the records of one batch and calls Put; Put adds them,
// as views of the batch or as copies, as far as the bounds allow, and lets the policy decide
// about the rest: drop it, drop what is older, keep the newest of each topic, or wait
// (flowcontrol.go). Take collects envelopes for the caller as views of the same buffers, which
// live until the last Taken that shares them is released.
//
// While the policy LatestPerTopic has something to conflate, the records are in conflating
// instead of chunks (invariant: one of the two is empty whenever the lock is free).
//
// One lock, Queue.mu, guards everything; with it held, the latches, the waker and the
// prefetch buffer are called, none of which may call the queue. Admission's lock is taken
// before it, never after. All methods may be called from any goroutine.
package recvqueue

import (
	"math"
	"os"
	"time"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/fds"
	"github.com/hermes-zmq/hermes/internal/invariants"
	"github.com/hermes-zmq/hermes/internal/latch"
	"github.com/hermes-zmq/hermes/internal/queue"
)

// Limits are the bounds of a queue, as functions because options may change while it is in
// use.
type Limits struct {
	Bound    func() queue.Bound
	BlockFor func() time.Duration // after which an application that takes nothing is stalled; negative: never
}

// Waker is told, with the queue's lock held, that there may be something to take, and when
// the queue is closed. Wake must be quick and must not call the queue.
type Waker interface{ Wake() }

// Queue is the queue. New makes it.
type Queue struct {
	limits Limits

	mu         invariants.Mutex
	opened     bool // at least once
	closed     bool // nothing more will come
	policy     queue.Policy
	chunks     chunks
	conflating conflating // holds the records instead, while it is on
	count      int64      // of records queued
	bytes      int64      // of these records, see Record.Size
	counters   Counters
	lag        Lag
	prefetch   prefetch
	handoff    handoff
	flow       flowControl

	waiters int           // goroutines in wait
	wake    chan struct{} // of capacity 1: a token for one of the waiters
	over    latch.Latch   // closed
	noWait  latch.Latch   // no Put is to wait for room any more
	waker   Waker         // may be nil

	fd       fds.PollFD // readable while there is something to take, or the queue is closed
	disposed bool       // fd is closed and not made again

	checks uint64 // see check
}

// New makes a queue that was never opened.
func New(limits Limits) *Queue {
	q := &Queue{limits: limits, wake: make(chan struct{}, 1)}
	q.mu.Rank(LockFamily, LockRank)
	return q
}

// LockFamily and LockRank are the place of the queue's lock in the order of the locks of a
// receiver, for builds that check it; those that are taken before it have lower ranks.
const (
	LockFamily = "receiver"
	LockRank   = 40
)

// Open lets takers wait, and sets the policy. It reports whether that is for the first time.
// What is queued stays, in its order.
func (q *Queue) Open(policy queue.Policy) (first bool) {
	q.lock()
	defer q.unlock()
	first = !q.opened
	q.reclaim()
	if q.conflating.on {
		q.thaw(math.MaxInt, math.MaxInt64)
	}
	q.policy, q.lag = policy, Lag{}
	q.opened, q.closed = true, false
	q.flow.stalled = false
	q.over.Set(false)
	q.noWait.Set(false)
	q.fd.Show(q.count > 0)
	return first
}

// UndoOpen takes back the first Open.
func (q *Queue) UndoOpen() {
	q.lock()
	defer q.unlock()
	q.opened, q.closed = false, false
	q.fd.Show(q.count > 0)
}

// EndWaits ends PutWaiting, and lets it wait no more until the next Open.
func (q *Queue) EndWaits() { q.noWait.Set(true) }

// Close wakes all takers: what is queued can still be taken, and nothing will come.
func (q *Queue) Close() {
	q.lock()
	defer q.unlock()
	q.closed = true
	q.over.Set(true)
	q.fd.Show(true)
	q.callWaker()
}

// lock and unlock stand around every access; builds with invariants check the state between.
func (q *Queue) lock() { q.mu.Lock() }

func (q *Queue) unlock() {
	if invariants.Enabled {
		q.check()
	}
	q.mu.Unlock()
}

// Put takes in what has been staged from b, as far as there is room or room can be made, and
// tells how many envelopes that has cost. What is left has to wait for room (PutWaiting); it
// has not been counted yet, and is a part of the stage.
func (q *Queue) Put(b *batch.Batch, s *Staged) (left []Record, dropped int) {
	limit := q.limits.Bound()
	q.lock()
	defer q.unlock()
	q.reconcile()
	n := len(s.Records)
	records, size, left, dropped := q.makeRoom(b, s, limit)
	q.counters.add(&s.Counters)
	q.lag.add(s.Lag)
	q.append(b, records, size, s)
	if invariants.Enabled && (len(records) > 0 || q.conflating.on && n > 0) {
		within := q.count <= limit.Messages && q.bytes <= limit.Bytes || q.count == 1 || q.flow.takerReads.Load() > 0
		invariants.Check(within, "%d envelopes of %d bytes queued, the bound is %+v", q.count, q.bytes, limit)
	}
	return left, dropped
}

// PassBy counts what has been staged, and delivered otherwise than by the queue.
func (q *Queue) PassBy(s *Staged) {
	q.lock()
	defer q.unlock()
	q.counters.add(&s.Counters)
	q.counters.Delivered += uint64(len(s.Records))
	q.lag.add(s.Lag)
}

// memory is how much memory the queue takes, in bytes.
func (q *Queue) memory() int64 { return q.chunks.memory() + q.conflating.memory }

// append adds records of b, with their size; see chunks.add.
func (q *Queue) append(b *batch.Batch, records []Record, size int64, s *Staged) {
	if len(records) == 0 {
		return
	}
	q.bytes += size
	q.count += int64(len(records))
	q.chunks.add(b, records, size, s)
	q.signal()
}

// signal wakes one that waits for envelopes, unless a handoff has taken all.
func (q *Queue) signal() {
	if q.handOff(); q.count == 0 {
		return
	}
	if q.waiters > 0 {
		q.wakeOne()
	}
	q.fd.Show(true)
	q.callWaker()
}

func (q *Queue) wakeOne() {
	select {
	case q.wake <- struct{}{}:
	default: // a token is there
	}
}

func (q *Queue) callWaker() {
	if q.waker != nil {
		q.waker.Wake()
	}
	q.handoff.wake()
}

// check checks the sums over what is queued: of a long queue, which takes long, only now and
// then.
func (q *Queue) check() {
	q.counters.check(q.count)
	const long, seldom = 1000, 256
	if q.checks++; q.count > long && q.checks%seldom > 0 {
		return
	}
	count, size, sealed := q.chunks.sums()
	invariants.Check(sealed == q.chunks.sealed, "sealed chunks take %d bytes, and not %d", sealed, q.chunks.sealed)
	if q.conflating.on {
		invariants.Check(count == 0 && q.count == int64(q.conflating.newest.Len()), "%d envelopes queued, %d of them conflated, %d in chunks", q.count, q.conflating.newest.Len(), count)
		return
	}
	invariants.Check(count == q.count && size == q.bytes, "%d envelopes of %d bytes queued, and not %d of %d", count, size, q.count, q.bytes)
	invariants.Check(q.conflating.memory == 0, "nothing is conflated in %d bytes", q.conflating.memory)
	if p := &q.prefetch; p.filled > 0 {
		c := q.chunks.first()
		invariants.Check(p.filled-p.counted <= len(c.records)-c.next, "%d envelopes prefetched, and %d taken, of a chunk that has %d", p.filled, p.counted, len(c.records)-c.next)
	}
}

// SetWaker sets the waker; nil is none.
func (q *Queue) SetWaker(w Waker) {
	q.lock()
	defer q.unlock()
	q.waker = w
}

// Wake calls the waker.
func (q *Queue) Wake() {
	q.lock()
	defer q.unlock()
	q.callWaker()
}

// FD gives a descriptor that polls readable while there is something to take, or the queue
// is closed. It must only be waited on. os.ErrClosed after Dispose.
func (q *Queue) FD() (int, error) {
	q.lock()
	defer q.unlock()
	if q.disposed {
		return -1, os.ErrClosed
	}
	q.reclaim()
	fd, err := q.fd.Open()
	q.fd.Show(q.count > 0 || q.closed)
	return fd, err
}

// Dispose ends the use of the descriptor and of the prefetch buffer, permanently.
func (q *Queue) Dispose() {
	q.lock()
	defer q.unlock()
	q.reclaim()
	q.prefetch.drop()
	q.handoff.drop()
	q.disposed = true
	q.fd.Close()
}

// Leasable reports whether the thread that takes may also be the one that reads the
// connection: not while a Put waits for room, for it is in the goroutine that reads; not
// where the descriptor has to tell of what comes; and not when nothing more will come.
func (q *Queue) Leasable() bool {
	q.lock()
	defer q.unlock()
	return q.flow.waiting == 0 && !q.fd.Made() && !q.closed
}

// Undelivered counts n envelopes that Take has given as dropped by overflow, and no longer as
// delivered: the caller had no memory to hand them on.
func (q *Queue) Undelivered(n int) {
	q.lock()
	defer q.unlock()
	q.counters.Delivered -= uint64(n)
	q.counters.DroppedOverflow += uint64(n)
}

// Empty reports whether nothing is queued.
func (q *Queue) Empty() bool {
	q.lock()
	defer q.unlock()
	q.reconcile()
	return q.count == 0
}

// Stats is the account at one instant.
type Stats struct {
	Counters
	Lag                 Lag
	Queued, QueuedBytes int64
}

// Stats gives it.
func (q *Queue) Stats() Stats {
	q.lock()
	defer q.unlock()
	q.reconcile()
	return Stats{q.counters, q.lag, q.count, q.bytes}
}

// Policy is that of the last Open.
func (q *Queue) Policy() queue.Policy {
	q.lock()
	defer q.unlock()
	return q.policy
}
