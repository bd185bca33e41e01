package sendqueue

import (
	"time"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/fds"
)

// Stager is a staging buffer: a foreign runtime writes envelopes there, in the publisher's
// framing, which saves a call for each of them. Staged envelopes count as queued: the queue
// collects them before it reads its own state. Each Collect passes an Allowance.
//
// While the Sender's goroutine sleeps, an envelope has to wake it. A buffer that can do so
// through a descriptor says so with Wakes, and then another goroutine of the Sender waits
// there (Sender.RunStaged); with any other one nothing is staged meanwhile.
//
// All methods are called with the queue's lock held, and must not call the queue.
type Stager interface {
	// Open empties the buffer for a run of the publisher. origin is the origin of envelopes
	// without one, as a JSON value, and trailer the last frame of each envelope, header
	// included; wakeFD is the descriptor to write to, or -1. It returns false if the buffer
	// cannot be used.
	Open(origin, trailer []byte, wakeFD int) bool
	// Wakes reports whether the buffer can use a descriptor.
	Wakes() bool
	// Collect takes the messages that have been written, and the offset at which each ends.
	// They are valid until the next call.
	Collect(Allowance) (messages []byte, ends []uint32)
	// ForgetFD ends the use of the descriptor. It returns false while a thread still writes
	// to it.
	ForgetFD() bool
	// Close ends the use of the buffer, permanently.
	Close()
}

// An Allowance limits what may be written until the next Collect. The messages returned by
// the Collect call that is passed the Allowance count against it.
type Allowance struct {
	Messages, Bytes int64
	Each            int64 // maximum bytes of topic, origin and data of one envelope
	Wakes           bool  // the first envelope has to wake the sender
}

// staging is the staging buffer of a queue, if it has one. The queue's lock guards it.
type staging struct {
	stager  Stager // or nil
	active  bool   // it is open in this run
	allowed bool   // the last Allowance was not zero
	each    int64  // Allowance.Each

	wake *fds.WakeFD // of this run; nil: none
}

// SetStager gives a new queue a staging buffer.
func (q *Queue) SetStager(s Stager) { q.staging.stager = s }

// OpenStaging makes the staging buffer ready for a run that has begun; see Stager.Open. each
// is the maximum size of topic, origin and data of one envelope together, in bytes.
func (q *Queue) OpenStaging(origin, trailer []byte, each int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if s := &q.staging; s.stager != nil {
		fd := -1
		if s.stager.Wakes() {
			if wake, err := fds.NewWakeFD(); err == nil { // else nothing is staged while the sender sleeps
				s.wake, fd = wake, wake.FD()
			}
		}
		s.active, s.allowed, s.each = s.stager.Open(origin, trailer, fd), false, each
	}
}

// waitForStaged waits until what has been staged has to wake the Sender, and returns false once
// the queue is closed, or if there is nothing to wait for. It does not ask whether anything is
// staged at the moment: another caller may have collected it.
func (q *Queue) waitForStaged() bool {
	s := &q.staging // set before the run, and cleared after it
	if s.wake == nil || !s.active {
		return false
	}
	closed := false
	err := s.wake.Wait(func() bool {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.collect()
		closed = q.closed
		return closed || q.turn.asleep && !q.turn.taken && q.waiting()
	})
	return err == nil && !closed
}

// closeWake closes the descriptor at the end of a run, when no thread writes to it any more.
// A thread that was killed as it did so would be waited for without end: then the descriptor
// stays open.
func (q *Queue) closeWake() {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := &q.staging
	if s.wake == nil {
		return
	}
	unused := s.stager.ForgetFD()
	for range 1000 {
		if unused {
			break
		}
		q.mu.Unlock()
		time.Sleep(time.Millisecond)
		q.mu.Lock()
		unused = s.stager.ForgetFD()
	}
	if unused {
		s.wake.Close()
	} else {
		s.wake.Keep()
	}
	s.wake = nil
}

// collect moves the staged envelopes to the queue, and sets the next Allowance. The caller
// holds mu.
func (q *Queue) collect() { q.collectBefore(0, 0) }

// collectBefore is collect for a caller that is about to put count envelopes of bytes bytes:
// the Allowance leaves room for them.
func (q *Queue) collectBefore(count, bytes int64) {
	s := &q.staging
	if !s.active {
		return
	}
	var a Allowance
	switch {
	case !q.open || q.cfg.Policy.Evicts():
	case q.turn.asleep:
		a = q.allowAsleep(count, bytes)
	default:
		limit := q.cfg.Bound()
		a = Allowance{Messages: max(limit.Messages-q.count-count, 0), Bytes: limit.Bytes, Each: s.each}
		if q.memory > a.Bytes {
			a.Bytes = 0 // the buffers of the batches exceed the bound, though their content does not
		}
		a.Bytes = max(a.Bytes-q.bytes-bytes, 0)
	}
	allows := a.Messages > 0
	if !allows && !s.allowed {
		return // nothing can have been staged since the last Collect, and nothing may be staged now
	}
	s.allowed = allows
	messages, ends := s.stager.Collect(a)
	if len(ends) == 0 {
		return
	}
	if q.tail != nil && q.tail.Size()+len(messages) > batch.TargetBytes {
		q.closeTail()
	}
	q.target().AppendMessages(messages, ends)
	q.count += int64(len(ends))
	q.bytes += int64(len(messages))
	q.counters.Accepted += uint64(len(ends))
	if q.tail.Full() {
		q.closeTail()
	}
}

// allowAsleep is the Allowance while the Sender's goroutine sleeps: half the queue, where the
// other half has room for the rest, so that it is the same from call to call, and as a rule
// there is nothing to tell the buffer.
func (q *Queue) allowAsleep(count, bytes int64) (a Allowance) {
	limit := q.cfg.Bound()
	half := Allowance{Messages: limit.Messages / 2, Bytes: limit.Bytes / 2, Each: q.staging.each, Wakes: true}
	if q.staging.wake != nil && q.count+count <= half.Messages && max(q.bytes+bytes, q.memory) <= half.Bytes {
		a = half
	}
	return a
}

// closeStaging ends the use of the buffer; the caller holds mu.
func (q *Queue) closeStaging() {
	if q.staging.stager != nil {
		q.staging.stager.Close()
	}
	q.staging = staging{}
}
