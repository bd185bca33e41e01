package core

import (
	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// Pocket is where somebody else gathers envelopes for a publisher, in its framing, so
// that not each of them needs a call of its own. What is in it counts as queued: the
// publisher takes a turn, and so learns of it, before it looks at its queue. A turn also
// says what may gather next, which is nothing where an envelope has to wake somebody.
//
// All methods are called with the publisher's lock held, and must not call it.
type Pocket interface {
	// Set says how envelopes are written: the publisher's origin, for those without
	// one of their own, and the frame that ends each, header included. False: it cannot.
	Set(origin, last []byte) bool
	// Turn takes the messages that have gathered, with the offset behind each. They
	// are good until the next turn.
	Turn(Allowance) (messages []byte, ends []uint32)
	// Drop ends the use of the pocket.
	Drop()
}

// Allowance is what may gather in a Pocket until the next turn. What this turn takes
// counts as a part of Messages and Bytes.
type Allowance struct {
	Messages, Bytes int64
	Each            int64 // bytes of topic, origin and data of one envelope
}

// SetPocket gives a new publisher a pocket.
func (p *Publisher) SetPocket(pocket Pocket) { p.q.pocket = pocket }

// openPocket makes the pocket ready for a run of the publisher.
func (p *Publisher) openPocket() {
	if p.q.pocket == nil {
		return
	}
	last := wire.LastFrame(p.q.numbered)
	p.q.mu.Lock()
	defer p.q.mu.Unlock()
	p.q.gathers, p.q.gathering = p.q.pocket.Set(p.origin, last), false
	p.q.allow = func() Allowance {
		return Allowance{Messages: p.queueMessages.Get(), Bytes: p.queueBytes.Get(), Each: p.network.message.Get()}
	}
}

// gather takes in what is in the pocket, and says what may come there next.
func (q *sendQueue) gather() { q.gatherBefore(0, 0) }

// gatherBefore is gather where so much is going to be put at once.
func (q *sendQueue) gatherBefore(count, bytes int64) {
	if !q.gathers {
		return
	}
	var a Allowance
	if q.open && !q.sleeping && !q.evicts {
		a = q.allow()
		if q.held > a.Bytes {
			a.Bytes = 0 // so much memory is in use already, if not for so many bytes
		}
		a.Messages, a.Bytes = max(a.Messages-q.count-count, 0), max(a.Bytes-q.bytes-bytes, 0)
	}
	opens := a.Messages > 0
	if !opens && !q.gathering {
		return // nothing could gather since the last turn, and nothing may from now on
	}
	q.gathering = opens
	messages, ends := q.pocket.Turn(a)
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

// dropPocket ends the use of the pocket, for good.
func (q *sendQueue) dropPocket() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.pocket != nil {
		q.pocket.Drop()
	}
	q.pocket, q.gathers = nil, false
}
