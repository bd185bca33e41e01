package sendqueue

import "github.com/hermes-zmq/hermes/internal/batch"

// Stager is a staging buffer: a foreign runtime writes envelopes there, in the publisher's
// framing, which saves a call for each of them. Staged envelopes count as queued: the queue
// collects them before it reads its own state. Each Collect passes an Allowance, which is zero
// while an envelope has to wake the sender.
//
// All methods are called with the queue's lock held, and must not call the queue.
type Stager interface {
	// Open empties the buffer for a run of the publisher. origin is the origin of envelopes
	// without one, as a JSON value, and trailer the last frame of each envelope, header
	// included. It returns false if the buffer cannot be used.
	Open(origin, trailer []byte) bool
	// Collect takes the messages that have been written, and the offset at which each ends.
	// They are valid until the next call.
	Collect(Allowance) (messages []byte, ends []uint32)
	// Close ends the use of the buffer, permanently.
	Close()
}

// An Allowance limits what may be written until the next Collect. The messages returned by
// the Collect call that is passed the Allowance count against it.
type Allowance struct {
	Messages, Bytes int64
	Each            int64 // maximum bytes of topic, origin and data of one envelope
}

// staging is the staging buffer of a queue, if it has one. The queue's lock guards it.
type staging struct {
	stager  Stager // or nil
	active  bool   // it is open in this run
	allowed bool   // the last Allowance was not zero
	each    int64  // Allowance.Each
}

// SetStager gives a new queue a staging buffer.
func (q *Queue) SetStager(s Stager) { q.staging.stager = s }

// OpenStaging makes the staging buffer ready for a run that has begun; see Stager.Open. each
// is the maximum size of topic, origin and data of one envelope together, in bytes.
func (q *Queue) OpenStaging(origin, trailer []byte, each int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if s := &q.staging; s.stager != nil {
		s.active, s.allowed, s.each = s.stager.Open(origin, trailer), false, each
	}
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
	if q.open && !q.turn.asleep && !q.cfg.Policy.Evicts() {
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

// closeStaging ends the use of the buffer; the caller holds mu.
func (q *Queue) closeStaging() {
	if q.staging.stager != nil {
		q.staging.stager.Close()
	}
	q.staging = staging{}
}
