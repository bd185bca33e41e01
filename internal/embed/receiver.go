// Package embed has what only a foreign runtime (C, Python) needs of a component, and a Go
// program does not: so the public API of package core stays free of it.
//
// A receiver has, besides the Go API, a waker, a reader lease, a prefetch buffer, a receive
// that waits nowhere and formats no error text, and rows in the format of Python's marshal; a
// publisher has a staging buffer, and takes such rows. core makes a Receiver and a Publisher
// for each of its own, which ReceiverOf and PublisherOf find; core imports this package, and
// this package knows nothing of core.
//
// A receive walks one way, also in a thread that holds the reader lease:
//
//	socket → decoder → admission → recvqueue.Put … Receiver.Take → caller
//
// The thread waits on the leased descriptor and for the waker; then Take reads the connection
// (first half of the line) and takes from the queue (second half). Locks: that of the lease,
// then those of the socket, of admission, of the queue.
package embed

import (
	"sync"

	"github.com/hermes-zmq/hermes/internal/admission"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/option"
	"github.com/hermes-zmq/hermes/internal/recvqueue"
)

// ReceiverOf finds the Receiver of a *core.Receiver. Package core sets it.
var ReceiverOf func(receiver any) *Receiver

// Waker is told that there may be something to take from a receiver.
type Waker interface {
	// Wake is called with every arrival and at the end, with locks held: it must be quick
	// and must not call the receiver.
	Wake()
	// Stopped is called when the receiver has stopped; Wake may still be called.
	Stopped()
}

// Hooks is what a Receiver needs of its component.
type Hooks struct {
	Inlet    func() carrier.Inlet                         // the socket; nil while there is none
	MayLease func() bool                                  // whether the options allow a reader lease
	Error    func(o recvqueue.Outcome, waited bool) error // see Receiver.Error
	SetTap   func(admission.Tap)
}

// Receiver is the embedding side of one receiver. All methods may be called from any thread;
// SetWaker, SetPrefetcher and SetTap come before the first start.
type Receiver struct {
	Lease Lease

	queue *recvqueue.Queue
	hooks Hooks
	waker Waker // may be nil; set before the first start
	hands bool  // there is a handoff; set before the first start
	lost  *option.Choice
}

// Init makes it ready.
func (r *Receiver) Init(q *recvqueue.Queue, h Hooks) {
	r.queue, r.hooks = q, h
	r.Lease.mu.Rank(recvqueue.LockFamily, recvqueue.LockRank-30)
}

// AddOptions adds the options that only foreign runtimes have to those of the receiver.
func (r *Receiver) AddOptions(o *option.Set) {
	r.lost = o.Choice("json.lost", true, "whether hermes_recv_json adds the number of lost envelopes before an envelope as a fifth element, if it is not 0: on or off", "off", "on")
}

// SetWaker sets the waker. A thread that waits misses nothing where it takes, without a wait,
// after it has begun to listen to the waker.
func (r *Receiver) SetWaker(w Waker) {
	r.waker = w
	r.queue.SetWaker(w)
}

// Waker is what SetWaker has set; nil where a Go program uses the receiver.
func (r *Receiver) Waker() Waker { return r.waker }

// SetPrefetcher gives the receiver a prefetch buffer.
func (r *Receiver) SetPrefetcher(p recvqueue.Prefetcher) { r.queue.SetPrefetcher(p) }

// SetTap gives the receiver a tap, which is given what arrives in place of the queue.
func (r *Receiver) SetTap(t admission.Tap) { r.hooks.SetTap(t) }

// SetHandoff gives the receiver a handoff.
func (r *Receiver) SetHandoff(h recvqueue.Handoff) {
	r.hands = true
	r.queue.SetHandoff(h)
}

// HandsOff reports whether there is one.
func (r *Receiver) HandsOff() bool { return r.hands }

// ExpectHandoff lets the next thread that waits do so in the handoff; see
// recvqueue.Queue.ExpectHandoff. It does nothing while there is a lease, whose holder reads.
func (r *Receiver) ExpectHandoff(long bool) bool {
	return r.hands && !r.Lease.Active() && r.queue.ExpectHandoff(long)
}

// Take takes up to most envelopes, without a wait. Where it Took some, the caller releases
// them; otherwise there is nothing to release.
func (r *Receiver) Take(most int) (*recvqueue.Taken, recvqueue.Outcome) {
	r.read()
	return r.take(most)
}

// take is the second half of the line.
func (r *Receiver) take(most int) (*recvqueue.Taken, recvqueue.Outcome) {
	t := takenPool.Get().(*recvqueue.Taken)
	if o := r.queue.Take(t, most, 0); o != recvqueue.Took {
		takenPool.Put(t)
		return nil, o
	}
	return t, recvqueue.Took
}

// TakeOrPrefetch is Take of one envelope. Where that is better it fills the prefetch buffer
// instead, or finds envelopes in it: then it has Took, and gives nil.
func (r *Receiver) TakeOrPrefetch() (*recvqueue.Taken, recvqueue.Outcome) {
	r.read()
	if r.queue.Prefetch() {
		return nil, recvqueue.Took
	}
	return r.take(1)
}

// Release ends the use of what Take gave.
func Release(t *recvqueue.Taken) {
	t.Release()
	takenPool.Put(t)
}

var takenPool = sync.Pool{New: func() any { return new(recvqueue.Taken) }}

// TakeInto is Take into an empty Taken of the caller's.
func (r *Receiver) TakeInto(t *recvqueue.Taken, most int) recvqueue.Outcome {
	r.read()
	return r.queue.Take(t, most, 0)
}

// read is the first half of the line, where this receiver's connection is leased and nothing
// is queued.
func (r *Receiver) read() {
	if r.Lease.Active() && r.queue.Empty() {
		r.readLeased()
	}
}

// readLeased reads in the thread that takes, which must not wait for room.
func (r *Receiver) readLeased() bool {
	r.queue.BeginTakerRead()
	defer r.queue.EndTakerRead()
	return r.Lease.Read()
}

// ReadRest reads what is unread when the run of a receiver ends, because nothing reads it
// later: as much as a kernel holds, or as the queue has room for, where it holds its peers
// back.
func (r *Receiver) ReadRest() {
	const most = 100 // buffers
	for n := 0; n < most && !r.queue.HoldsBack() && r.readLeased(); n++ {
	}
}

// Undelivered counts n envelopes that Take has given as dropped by overflow, and no longer as
// delivered: the caller had no memory to hand them on.
func (r *Receiver) Undelivered(n int) { r.queue.Undelivered(n) }

// Error is the error for a Take that gave nothing. Where the caller has waited, it tells the
// reason of a time-out as far as that is known.
func (r *Receiver) Error(o recvqueue.Outcome, waited bool) error { return r.hooks.Error(o, waited) }

// AcquireLease takes the reader lease for a thread that has found nothing to take, and is to
// wait. The thread waits on fd and for the waker, which also says that the lease is over, then
// takes again, and calls Lease.Release when it waits no more. To wait once more it acquires
// again. ok is false where it has to wait for the waker alone.
func (r *Receiver) AcquireLease(again bool) (fd int, ok bool) {
	return r.Lease.Acquire(again, r.hooks.Inlet(), r.mayLease)
}

func (r *Receiver) mayLease() bool { return r.hooks.MayLease() && r.queue.Leasable() }

// EndLease ends the lease, if there is one, and wakes its holder.
func (r *Receiver) EndLease() {
	if r.Lease.End() {
		r.queue.Wake()
	}
}

// Stopped tells the waker that the receiver has stopped.
func (r *Receiver) Stopped() {
	if r.waker != nil {
		r.waker.Stopped()
	}
}

// AppendJSON appends envelopes as one JSON array; see recvqueue.Taken.AppendJSON. The option
// "json.lost" says whether it tells what is missing.
func (r *Receiver) AppendJSON(dst []byte, t *recvqueue.Taken) []byte {
	return t.AppendJSON(dst, r.TellsLost())
}

// TellsLost is the option "json.lost".
func (r *Receiver) TellsLost() bool { return r.lost.Is("on") }

// JSONSize is at least the number of bytes that AppendJSON appends.
func (r *Receiver) JSONSize(t *recvqueue.Taken) int { return t.JSONSize(true) }
