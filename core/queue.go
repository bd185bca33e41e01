package core

import (
	"os"
	"sync"
	"time"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/clock"
	"github.com/hermes-zmq/hermes/internal/deadline"
	"github.com/hermes-zmq/hermes/internal/fds"
	"github.com/hermes-zmq/hermes/internal/latch"
	"github.com/hermes-zmq/hermes/internal/queue"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// queue is what waits to be sent: many callers put, one pump takes. It keeps the
// publisher's counters as well, so that the sum
//
//	accepted = sent + queued + unwanted + dropped_no_peer + dropped_full +
//		dropped_old + dropped_conflated + dropped_stop
//
// holds whenever its lock is free.
type sendQueue struct {
	mu       sync.Mutex
	open     bool // puts are taken
	closed   bool // the pump is to end
	numbered bool // envelopes have room for a trailer
	full     queue.Policy
	evicts   bool // full drops what is old

	tail   *batch.Batch   // being written
	whole  []*batch.Batch // full ones before it, oldest first
	gone   int            // how many envelopes of the oldest batch have been dropped
	topics conflation     // what waits instead, after the queue was full with latest_per_topic
	count  int64          // envelopes queued, what the pump has in hand included
	bytes  int64
	hand   int64 // envelopes that the pump has in hand
	held   int64 // memory of all batches but the tail

	pocket    Pocket // see gather; may be nil
	gathers   bool   // it is in use
	gathering bool   // the last turn has allowed envelopes to gather there
	allow     func() Allowance

	counters publisherCounters
	stopping uint64 // dropped_stop when the present stop began
	lost     uint64 // went down with a connection, and may not be booked as sent yet

	pumping  bool          // somebody takes and sends: the pump, or a caller in its place
	paused   sync.Cond     // pumping has ended
	rested   time.Duration // when it last did
	pace     pacing
	sleeping bool          // the pump waits on work
	work     chan struct{} // something was put
	change   chan struct{} // the audience has changed, or the queue has been closed
	room     chan struct{} // closed when there is room again; made when somebody found none
	fd       fds.PollFD    // readable while room is nil
	disposed bool
	empty    latch.Latch // draining, and nothing is left
}

type publisherCounters struct {
	Accepted         uint64 `json:"accepted"`
	Sent             uint64 `json:"sent"`
	SentBytes        uint64 `json:"sent_bytes"`
	Unwanted         uint64 `json:"unwanted"`
	DroppedNoPeer    uint64 `json:"dropped_no_peer"`
	DroppedFull      uint64 `json:"dropped_full"`
	DroppedOld       uint64 `json:"dropped_old"`
	DroppedConflated uint64 `json:"dropped_conflated"`
	DroppedStop      uint64 `json:"dropped_stop"`
}

func (q *sendQueue) init() {
	q.closed = true
	q.paused.L = &q.mu
	q.work = make(chan struct{}, 1)
	q.change = make(chan struct{}, 1)
}

func (q *sendQueue) start(numbered bool, full queue.Policy) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.open, q.closed, q.numbered, q.sleeping = true, false, numbered, false
	q.full, q.evicts = full, full == queue.DropOld || full == queue.LatestPerTopic
	q.gathers = false // until the pocket is ready: what it held from another run would be gone
	q.empty.Set(false)
}

// putting is how an attempt to put ended.
type putting struct {
	open    bool            // the queue takes envelopes at all
	full    <-chan struct{} // there is no room; closed when that may have changed
	refused bool            // there is no room, and that is that
	dropped int             // older ones that had to make room
	idle    bool            // nobody sends what was put: see Publisher.rouse
}

// tryPut appends an envelope, if there is room or room can be made.
func tryPut[T string | []byte](q *sendQueue, topic T, origin, data []byte, how form, limit queue.Bound) (p putting, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.open {
		return putting{}, nil
	}
	size := int64(len(topic) + len(origin) + len(data) + len(how.time))
	q.gatherBefore(1, size+int64(wire.Overhead))
	if !q.evicts && !q.fits(size, limit) {
		return q.turnAway(), nil
	}
	b := q.target()
	before := b.Size()
	if how.encoded {
		wire.AppendEntry(b, wire.Entry{Topic: []byte(topic), Origin: origin, Data: data, Time: how.time}, q.numbered)
	} else if err = wire.Append(b, topic, origin, data, q.numbered); err != nil {
		return putting{open: true}, err
	}
	q.count++
	q.bytes += int64(b.Size() - before)
	q.counters.Accepted++
	p = putting{open: true, idle: q.sleeping && !q.pumping}
	if q.evicts {
		p.dropped = q.makeRoom(limit)
	} else if b.Full() {
		q.closeTail()
	}
	return p, nil
}

// fits reports whether there is room for an envelope of this size. One always finds
// room in an empty queue, however big it is.
func (q *sendQueue) fits(size int64, limit queue.Bound) bool {
	return q.count < limit.Messages && (q.count == 0 || q.bytes+size <= limit.Bytes && q.held <= limit.Bytes+queue.Slack)
}

// turnAway is what happens to an envelope that finds no room.
func (q *sendQueue) turnAway() putting {
	if q.full != queue.Block {
		q.counters.Accepted++
		q.counters.DroppedFull++
		return putting{open: true, refused: true}
	}
	return putting{open: true, full: q.noRoom()}
}

// target is the batch that the next envelope is written to.
func (q *sendQueue) target() *batch.Batch {
	if q.tail == nil {
		q.tail = batch.Get()
	}
	return q.tail
}

// closeTail lets another batch begin.
func (q *sendQueue) closeTail() {
	q.held += q.tail.Footprint()
	q.whole = append(q.whole, q.tail)
	q.tail = nil
}

// noRoom gives a channel to wait on for room.
func (q *sendQueue) noRoom() <-chan struct{} {
	if q.room == nil {
		q.room = make(chan struct{})
		q.fd.Show(false)
	}
	return q.room
}

// retry tells everybody who waits for room to try again.
func (q *sendQueue) retry() {
	if q.room != nil {
		close(q.room)
		q.room = nil
		q.fd.Show(true)
	}
}

func (q *sendQueue) descriptor() (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.disposed {
		return -1, os.ErrClosed
	}
	fd, err := q.fd.Open()
	q.fd.Show(q.room == nil)
	return fd, err
}

func (q *sendQueue) dispose() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.disposed = true
	q.fd.Close()
}

// refuse counts an envelope that found no room. False where the queue takes nothing.
func (q *sendQueue) refuse() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.open {
		q.counters.Accepted++
		q.counters.DroppedFull++
	}
	return q.open
}

// leave counts envelopes that came when nothing was taken any more.
func (q *sendQueue) leave(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.counters.Accepted += uint64(n)
	q.counters.DroppedStop += uint64(n)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// waitForWork waits until there is something to take, and nobody else takes. The
// caller then pumps, until rest. False means: end.
func (q *sendQueue) waitForWork() bool {
	for {
		q.mu.Lock()
		q.gather()
		if !q.sleeping && !q.waiting() {
			q.sleeping = true
			q.gather() // for the last time: from now on somebody has to wake the pump
		}
		switch {
		case q.closed:
			q.mu.Unlock()
			return false
		case q.waiting() && !q.pumping:
			q.pumping, q.sleeping = true, false
			q.mu.Unlock()
			return true
		}
		q.sleeping = true
		q.mu.Unlock()
		select {
		case <-q.work:
		case <-q.change:
		}
	}
}

// waiting reports whether there is something to take.
func (q *sendQueue) waiting() bool { return q.tail != nil || len(q.whole) > 0 || q.topics.on }

// lull is how long nothing must have been sent for a caller to send by itself. In a
// quick succession of envelopes that is left to the pump: while it sends one, many
// more gather, and go out together.
const lull = 30 * time.Microsecond

// stepIn lets a caller pump in the sleeping pump's place, until rest. It reports
// false where that is not called for.
func (q *sendQueue) stepIn() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.pumping || !q.sleeping || len(q.whole) > 0 || q.tail == nil {
		return false
	}
	if since := clock.Monotonic() - q.rested; since < lull || !q.pace.spend(since) {
		return false
	}
	q.pumping = true
	return true
}

// hurried reports that sends have followed each other so quickly, and for so long, that
// the pump, whose turn it is, had better let more gather first.
func (q *sendQueue) hurried() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.whole) == 0 && q.open && !q.pace.spend(clock.Monotonic()-q.rested)
}

// wake makes the sleeping pump go on.
func (q *sendQueue) wake() {
	q.mu.Lock()
	asleep := q.sleeping
	q.sleeping = false
	q.mu.Unlock()
	if asleep {
		signal(q.work)
	}
}

// rest ends pumping, and wakes the pump for what has come meanwhile.
func (q *sendQueue) rest() {
	q.mu.Lock()
	q.pumping = false
	q.rested = clock.Monotonic()
	q.paused.Broadcast()
	q.gather()
	rouse := q.sleeping && q.waiting()
	q.mu.Unlock()
	if rouse {
		signal(q.work)
	}
}

// waitForChange waits for a new audience or the end, and not for envelopes.
func (q *sendQueue) waitForChange(most time.Duration) {
	d := deadline.After(most)
	defer d.Stop()
	select {
	case <-q.change:
	case <-d.C:
	}
}

// changed makes the pump look around.
func (q *sendQueue) changed() { signal(q.change) }

// take removes the oldest batch, or what there is of one. It stays counted as
// queued until settle.
func (q *sendQueue) take() *batch.Batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.gather()
	if q.topics.on {
		q.thaw()
	}
	if len(q.whole) == 0 && q.tail != nil {
		q.closeTail()
	}
	if len(q.whole) == 0 {
		return nil
	}
	b := q.shift()
	b.Skip(q.gone)
	q.gone = 0
	q.hand += int64(b.Len())
	return b
}

// shift removes the first of the whole batches.
func (q *sendQueue) shift() *batch.Batch {
	b := q.whole[0]
	q.whole[0] = nil
	q.whole = q.whole[1:]
	return b
}

// settle books what became of a batch that was taken.
func (q *sendQueue) settle(b *batch.Batch, t carrier.Tally) {
	q.mu.Lock()
	q.count -= int64(b.Len())
	q.bytes -= int64(b.Size())
	q.hand -= int64(b.Len())
	q.held -= b.Footprint()
	c := &q.counters
	c.Sent += uint64(t.Sent)
	c.SentBytes += uint64(t.SentBytes)
	c.Unwanted += uint64(t.Unwanted)
	c.DroppedNoPeer += uint64(t.NoPeer)
	c.DroppedStop += uint64(t.Unsent)
	c.DroppedFull += uint64(t.Dropped)
	q.bookLost()
	q.retry()
	if !q.open && q.count == 0 {
		q.empty.Set(true)
	}
	q.mu.Unlock()
	b.Release()
}

// lose takes note of envelopes that the carrier took and did not get rid of before
// the connection broke. It may be quicker than settle with the same ones.
func (q *sendQueue) lose(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lost += uint64(n)
	q.bookLost()
}

func (q *sendQueue) bookLost() {
	c := &q.counters
	n := min(q.lost, c.Sent)
	q.lost -= n
	c.Sent -= n
	c.DroppedNoPeer += n
}

// drain takes nothing more; empty opens when all is sent.
func (q *sendQueue) drain() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.open = false
	q.gather()
	q.stopping = q.counters.DroppedStop
	q.retry()
	if q.count == 0 {
		q.empty.Set(true)
	}
}

// close ends the pump, and lets nobody step in for it.
func (q *sendQueue) close() {
	q.mu.Lock()
	q.open, q.closed = false, true
	q.mu.Unlock()
	q.changed()
}

// giveUp books what the pump has left, and what the carrier had taken and could
// not deliver. It tells how many envelopes the present stop has cost.
func (q *sendQueue) giveUp(unsent int) uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.pumping {
		q.paused.Wait()
	}
	if q.tail != nil {
		q.whole = append(q.whole, q.tail)
	}
	for _, b := range q.whole {
		b.Release()
	}
	c := &q.counters
	c.DroppedStop += uint64(q.count)
	q.tail, q.whole, q.gone, q.topics = nil, nil, 0, conflation{}
	q.count, q.bytes, q.hand, q.held = 0, 0, 0, 0
	lost := min(uint64(unsent), c.Sent)
	c.Sent -= lost
	c.DroppedStop += lost
	return c.DroppedStop - q.stopping
}

// PublisherStats are a publisher's counters, in envelopes unless they say bytes.
type PublisherStats struct {
	base
	publisherCounters
	Queued      int64  `json:"queued"`
	QueuedBytes int64  `json:"queued_bytes"`
	Ready       bool   `json:"ready"`
	Peers       []Peer `json:"peers"`
}

// Stats takes the counters at one instant.
func (p *Publisher) Stats() PublisherStats {
	s := PublisherStats{base: p.base(), Ready: p.ready.IsOpen(), Peers: outletPeers(p.currentOutlet())}
	p.q.mu.Lock()
	defer p.q.mu.Unlock()
	p.q.gather()
	s.publisherCounters, s.Queued, s.QueuedBytes = p.q.counters, p.q.count, p.q.bytes
	return s
}

// StatsJSON implements Component.
func (p *Publisher) StatsJSON() []byte { return statsJSON(p.Stats()) }
