// Package sendqueue is the bounded queue of envelopes that a publisher has accepted and not
// sent yet. Many callers put, one at a time takes a batch and sends it:
//
//	Put            -> tail batch -> batches -> Take  -> stamp, number -> outlet.Send -> Settle
//	staging buffer -> (collect)  ->
//
// The Sender's goroutine sends; if it is asleep and the connection is idle, a caller of Put
// sends instead. Whichever sends has the turn (turn.taken). An envelope stays counted as
// queued until Settle.
//
// Rules. The bound counts what is being sent. One envelope always finds room in an empty
// queue. What is being sent cannot be dropped, so with a policy that drops what is old no
// batch grows beyond a share of the bound. With LatestPerTopic a full queue keeps only the
// newest envelope of each topic. It becomes batches again once it holds at most half as many
// envelopes as were queued when it filled up.
//
// Locks. Queue.mu guards the queue and its counters; methods of a Stager are called with it
// held. Only the holder of the turn uses the sequencer, and Start, before anyone sends.
// CountLost and Changed may be called with a carrier's event lock held, so no method calls a
// carrier while holding mu.
package sendqueue

import (
	"os"
	"sync"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/fds"
	"github.com/hermes-zmq/hermes/internal/invariants"
	"github.com/hermes-zmq/hermes/internal/latch"
	"github.com/hermes-zmq/hermes/internal/queue"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// Queue is the queue of one publisher, over all of its runs. Its counters add up whenever mu
// is free:
//
//	accepted = sent + queued + unwanted + dropped_no_peer + dropped_full +
//		dropped_old + dropped_conflated + dropped_stop
type Queue struct {
	mu     sync.Mutex
	open   bool // Put takes envelopes
	closed bool // nothing is sent any more
	cfg    Config

	tail       *batch.Batch   // being written; nil or empty: nothing to write
	batches    []*batch.Batch // complete ones before it, oldest first
	returned   *batch.Batch   // one before these, taken and given back; in flight, as it is numbered
	dropped    int            // how many envelopes of the oldest batch have been dropped
	conflating conflating     // replaces the batches while the queue holds the newest of each topic
	count      int64          // envelopes queued, inFlight included
	bytes      int64          // their size
	inFlight   int64          // envelopes taken and not settled
	// memory is the bytes allocated for closed batches, batches in flight and conflated
	// envelopes; it excludes the tail.
	memory int64

	staging  staging // what foreign runtimes have written
	counters Counters
	atStop   uint64 // DroppedStop when the present stop began
	lost     uint64 // lost with a connection, and not yet counted as sent: see CountLost

	turn     turn
	sequence sequencer

	room     chan struct{} // closed when there is room again; nil while the queue is not known to be full
	fd       fds.PollFD    // readable while room is nil
	disposed bool
	empty    latch.Latch // open once a draining queue is empty
}

// Config is what a Queue does in one run.
type Config struct {
	Policy   queue.Policy
	Numbered bool               // envelopes get a sequence trailer
	Bound    func() queue.Bound // the present bound; called with the lock held
}

// Counters count envelopes; core.PublisherCounters says what each means.
type Counters struct {
	Accepted         uint64
	Sent             uint64
	SentBytes        uint64
	Unwanted         uint64
	DroppedNoPeer    uint64
	DroppedFull      uint64
	DroppedOld       uint64
	DroppedConflated uint64
	DroppedStop      uint64
}

// Snapshot is a queue at one instant.
type Snapshot struct {
	Counters
	Queued, QueuedBytes int64
}

// Init makes a zero Queue ready for use. It takes nothing before Start. draw gives random
// numbers, for the incarnations of the streams.
func (q *Queue) Init(draw func() uint32) {
	q.closed = true
	q.sequence.draw = draw
	q.turn.init(&q.mu)
}

// Start begins a run; the previous one, if any, has ended with DropAll.
func (q *Queue) Start(cfg Config) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.cfg = cfg
	q.open, q.closed, q.turn.asleep = true, false, false
	q.sequence.renew()
	q.staging.active = false // until OpenStaging: what the buffer held from another run is void
	q.empty.Set(false)
}

// Form says how an envelope is passed to Put.
type Form struct {
	Encoded bool   // the topic is a JSON value already
	Spare   bool   // put it only where there is room: otherwise nothing is counted, and Full says so
	Time    []byte // as a JSON value; nil: the time of sending
}

// Result is how an attempt to put ended.
type Result struct {
	Open       bool            // false: the queue accepts nothing, and nothing was counted
	Room       <-chan struct{} // policy Auto or Block, queue full: closed when there may be room; else nil
	DroppedNew bool            // other policies, queue full: the envelope was counted as dropped
	Dropped    int             // number of older envelopes dropped to make room
	Full       bool            // the queue is full, and Form.Spare was set
	Asleep     bool            // the sender sleeps: the caller has to call Sender.Wake
}

// Put appends an envelope, if there is room or room can be made. The origin is a JSON value,
// the data a valid one. An error is that of encoding the topic; nothing has happened then.
func Put[T string | []byte](q *Queue, topic T, origin, data []byte, how Form) (r Result, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.open {
		return Result{}, nil
	}
	size := int64(len(topic) + len(origin) + len(data) + len(how.Time))
	limit := q.cfg.Bound()
	q.collectBefore(1, size+int64(wire.Overhead))
	if how.Spare && !q.fits(size, limit) {
		return Result{Open: true, Full: true}, nil
	}
	if !q.cfg.Policy.Evicts() && !q.fits(size, limit) {
		return q.rejectFull(), nil
	}
	b := q.target()
	before := b.Size()
	if how.Encoded {
		wire.AppendEntry(b, wire.Entry{Topic: []byte(topic), Origin: origin, Data: data, Time: how.Time}, q.cfg.Numbered)
	} else if err = wire.Append(b, topic, origin, data, q.cfg.Numbered); err != nil {
		if b.Len() == 0 { // nothing to take: see waiting
			q.tail = nil
			b.Release()
		}
		return Result{Open: true}, err
	}
	q.count++
	q.bytes += int64(b.Size() - before)
	q.counters.Accepted++
	r = Result{Open: true, Asleep: q.turn.asleep && !q.turn.taken}
	if q.cfg.Policy.Evicts() {
		r.Dropped = q.makeRoom(limit)
		if invariants.Enabled {
			// Memory may exceed its bound until the next Put: closing the tail adds its buffer.
			within := q.count <= limit.Messages && q.bytes <= limit.Bytes
			invariants.Check(within || q.count-q.inFlight <= 1, "send queue: %d envelopes of %d bytes, the bound is %+v", q.count, q.bytes, limit)
		}
	} else if b.Full() {
		q.closeTail()
	}
	q.check()
	return r, nil
}

// CountTimedOut counts an envelope as dropped_full whose caller has waited for room for too
// long. If the queue is not open it counts nothing and returns false.
func (q *Queue) CountTimedOut() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.open {
		q.counters.Accepted++
		q.counters.DroppedFull++
	}
	return q.open
}

// CountAfterStop counts n envelopes as dropped_stop that came after the queue was closed.
func (q *Queue) CountAfterStop(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.counters.Accepted += uint64(n)
	q.counters.DroppedStop += uint64(n)
}

// target returns the tail, and makes one if there is none.
func (q *Queue) target() *batch.Batch {
	if q.tail == nil {
		q.tail = batch.Get()
	}
	return q.tail
}

// closeTail moves the tail, which must not be nil, to the complete batches.
func (q *Queue) closeTail() {
	q.memory += q.tail.Footprint()
	q.batches = append(q.batches, q.tail)
	q.tail = nil
}

// Retry makes all callers that wait for room try again, because a bound may have been raised.
func (q *Queue) Retry() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.collect()
	q.retry()
}

func (q *Queue) retry() {
	if q.room != nil {
		close(q.room)
		q.room = nil
		q.fd.Show(true)
	}
}

// FD is a descriptor that polls readable unless the queue is known to be full. It ends with
// Dispose; afterwards the error is os.ErrClosed.
func (q *Queue) FD() (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.disposed {
		return -1, os.ErrClosed
	}
	fd, err := q.fd.Open()
	q.fd.Show(q.room == nil)
	return fd, err
}

// Dispose gives up the descriptor and the staging buffer, permanently.
func (q *Queue) Dispose() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closeStaging()
	q.disposed = true
	q.fd.Close()
}

// Take removes the oldest batch, complete or not, and returns nil if the queue is empty. The
// batch stays counted as queued until Settle.
func (q *Queue) Take() *batch.Batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	if b := q.returned; b != nil {
		q.returned = nil
		return b
	}
	q.collect()
	if q.conflating.on {
		q.thaw()
	}
	if len(q.batches) == 0 && q.tail != nil {
		q.closeTail()
	}
	if len(q.batches) == 0 {
		return nil
	}
	b := q.shift()
	b.Skip(q.dropped)
	q.dropped = 0
	q.inFlight += int64(b.Len())
	q.check()
	return b
}

// shift removes the first of the complete batches.
func (q *Queue) shift() *batch.Batch {
	b := q.batches[0]
	q.batches[0] = nil
	q.batches = q.batches[1:]
	return b
}

// Settle counts what became of a batch that was taken, and releases it.
func (q *Queue) Settle(b *batch.Batch, t carrier.Tally) {
	t.GiveUp()
	q.mu.Lock()
	q.count -= int64(b.Len())
	q.bytes -= int64(b.Size())
	q.inFlight -= int64(b.Len())
	q.memory -= b.Footprint()
	q.account(t)
	q.mu.Unlock()
	b.Release()
}

// GiveBack counts what became of a batch that was taken, but for what is left of it: that is
// taken again before all others, in the batch that is returned. It is another one where a part was
// sent, because connections may still have to write that.
func (q *Queue) GiveBack(b *batch.Batch, t carrier.Tally) *batch.Batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	rest, sent := b, b.Len()-t.Left
	if sent > 0 {
		rest = batch.Get()
		for i := sent; i < b.Len(); i++ {
			rest.AppendMessage(b.Message(i))
		}
		q.count -= int64(sent)
		q.inFlight -= int64(sent)
		q.bytes -= int64(b.Size() - rest.Size())
		q.memory += rest.Footprint() - b.Footprint()
		b.Release()
	}
	q.returned = rest
	q.account(t)
	return rest
}

// account counts what became of a batch. The caller holds mu.
func (q *Queue) account(t carrier.Tally) {
	c := &q.counters
	c.Sent += uint64(t.Sent)
	c.SentBytes += uint64(t.SentBytes)
	c.Unwanted += uint64(t.Unwanted)
	c.DroppedNoPeer += uint64(t.NoPeer)
	c.DroppedStop += uint64(t.Unsent)
	c.DroppedFull += uint64(t.Dropped)
	q.applyLost()
	q.retry()
	if !q.open && q.count == 0 {
		q.empty.Set(true)
	}
	q.check()
}

// CountLost counts n envelopes as dropped_no_peer that the carrier took and had not written
// when the connection broke. It may be called before Settle has counted them as sent.
func (q *Queue) CountLost(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lost += uint64(n)
	q.applyLost()
	q.check()
}

// applyLost moves lost envelopes from sent to dropped_no_peer, as far as they are counted as
// sent already. The caller holds mu.
func (q *Queue) applyLost() {
	c := &q.counters
	n := min(q.lost, c.Sent)
	q.lost -= n
	c.Sent -= n
	c.DroppedNoPeer += n
}

// Drain makes Put accept nothing more, and returns a channel that is closed once everything
// queued is settled.
func (q *Queue) Drain() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.open = false
	q.collect()
	q.atStop = q.counters.DroppedStop
	q.retry()
	if q.count == 0 {
		q.empty.Set(true)
	}
	return q.empty.Opened()
}

// Close ends sending: the Sender's goroutine returns, and no caller sends instead.
func (q *Queue) Close() {
	q.mu.Lock()
	q.open, q.closed = false, true
	wake := q.staging.wake
	q.mu.Unlock()
	q.Changed()
	if wake != nil {
		wake.Wake()
	}
}

// DropAll waits for the end of the turn, drops everything that is queued, and counts it and
// the unsent envelopes of the carrier as dropped_stop. It returns the number of envelopes that
// were counted so since Drain. It is called after Close.
func (q *Queue) DropAll(unsent int) uint64 {
	q.closeWake()
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.turn.taken {
		q.turn.ended.Wait()
	}
	if q.tail != nil {
		q.batches = append(q.batches, q.tail)
	}
	if q.returned != nil {
		q.batches = append(q.batches, q.returned)
	}
	for _, b := range q.batches {
		b.Release()
	}
	c := &q.counters
	c.DroppedStop += uint64(q.count)
	q.tail, q.batches, q.returned, q.dropped, q.conflating = nil, nil, nil, 0, conflating{}
	q.count, q.bytes, q.inFlight, q.memory = 0, 0, 0, 0
	lost := min(uint64(unsent), c.Sent)
	c.Sent -= lost
	c.DroppedStop += lost
	q.check()
	return c.DroppedStop - q.atStop
}

// Snapshot gives the counters at one instant.
func (q *Queue) Snapshot() Snapshot {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.collect()
	return Snapshot{q.counters, q.count, q.bytes}
}

// check checks what this package promises; the caller holds mu.
func (q *Queue) check() {
	if !invariants.Enabled {
		return
	}
	c := &q.counters
	sum := c.Sent + uint64(q.count) + c.Unwanted + c.DroppedNoPeer + c.DroppedFull + c.DroppedOld + c.DroppedConflated + c.DroppedStop
	invariants.Check(c.Accepted == sum, "send queue: %d accepted, but %d accounted for: %+v", c.Accepted, sum, *c)
	invariants.Check(q.inFlight >= 0 && q.inFlight <= q.count, "send queue: %d in flight of %d queued", q.inFlight, q.count)
	invariants.Check(q.bytes >= 0 && q.memory >= 0, "send queue: %d bytes in %d bytes of memory", q.bytes, q.memory)
}
