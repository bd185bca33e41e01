package backbone

import (
	"encoding/binary"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/linkmessage"
	"github.com/hermes-zmq/hermes/internal/lru"
	"github.com/hermes-zmq/hermes/internal/systemtopic"
	"github.com/hermes-zmq/hermes/internal/trie"
)

// inbox is what has come from NATS. One goroutine (read) takes NATS messages from the channel of all
// subscriptions, in which they are in the order of their arrival, and puts what is in them into
// batches. A second one (deliver) gives the batches to the relay, where it may have to wait for slow
// receivers; meanwhile batches wait here, within the bounds, and what has no room is dropped.
//
// mu guards the fields below it. It is held while one NATS message is put, and nothing is called
// under it. seen belongs to read.
type inbox struct {
	ch          chan *nats.Msg
	gate        gate
	run         uint64   // of this site, whose own messages are not taken
	imports     trie.Set // empty: everything
	maxMessages int64
	maxBytes    int64
	relay       func(*batch.Batch) bool
	screen      *screen
	seen        lru.Table[uint64] // the number of the last NATS message, by run

	mu     sync.Mutex
	full   []*parcel // in order; the last one is still written
	counts inCounts
	some   chan struct{} // has one element when there may be something to deliver
}

// parcel is a batch, and which of its messages other sites may send as well.
type parcel struct {
	*batch.Batch
	shared []span
}

// span is the messages [from, to) of a batch.
type span struct{ from, to int }

// inCounts count messages, whose bytes are framed; malformed counts NATS messages. Arrived is the sum of
// in, waiting, duplicates, denied, slow, redundant and stopped.
type inCounts struct {
	arrived                 uint64
	in, inBytes             uint64
	waiting, waitingBytes   int64
	duplicates              uint64
	denied, slow, redundant uint64 // dropped
	stopped                 uint64
	malformed               uint64
}

// channelSize is how many NATS messages may wait for the goroutine that reads them, which never waits.
// It is several times what nats.go reads in a turn of the scheduler.
const channelSize = 64 << 10

// maxRuns is how many sites are told apart, at least.
const maxRuns = 16 << 10

func (in *inbox) init() {
	in.ch = make(chan *nats.Msg, channelSize)
	in.gate.ch, in.gate.limit = in.ch, in.maxBytes
	in.some = make(chan struct{}, 1)
	in.seen.MaxKeys, in.seen.MaxBytes = maxRuns, maxRuns*8
}

// read ends when stop is closed.
func (in *inbox) read(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case m := <-in.ch:
			in.put(m.Data)
			if len(in.ch) == 0 {
				in.gate.drained()
			}
		}
	}
}

// put takes what is in a NATS message.
func (in *inbox) put(data []byte) {
	in.mu.Lock()
	defer in.mu.Unlock()
	h, messages, err := linkmessage.ReadHeader(data)
	if err != nil {
		in.counts.malformed++
		return
	}
	b := in.tail()
	bytes, from := len(b.Buf), len(b.Ends)
	if err := linkmessage.Append(b.Batch, messages); err != nil {
		in.counts.malformed++
		return
	}
	n := uint64(len(b.Ends) - from)
	in.counts.arrived += n
	if lost := in.refuses(h, b.Batch, from); lost != nil {
		*lost += n
		b.Buf, b.Ends = b.Buf[:bytes], b.Ends[:from]
		return
	}
	if in.screen.shared(h.Run) {
		b.shared = append(b.shared, span{from, b.Len()})
	}
	in.counts.waiting += int64(b.Len() - from)
	in.counts.waitingBytes += int64(len(b.Buf) - bytes)
	in.wake()
}

// refuses gives the counter of what is not taken, or nil: of the messages of b from the one with this
// index on. The caller holds mu.
func (in *inbox) refuses(h linkmessage.Header, b *batch.Batch, from int) *uint64 {
	c := &in.counts
	var key [8]byte
	binary.BigEndian.PutUint64(key[:], h.Run)
	last, _, _ := in.seen.Find(key[:])
	if h.Run == in.run || h.Number <= *last {
		return &c.duplicates
	}
	*last = h.Number
	switch {
	case in.imports.Len() > 0 && !systemtopic.Match(&in.imports, batch.Topic(b.Message(from))):
		return &c.denied
	case c.waiting+int64(b.Len()-from) > in.maxMessages, c.waitingBytes+int64(b.Ends[b.Len()-1]-b.Start(from)) > in.maxBytes:
		return &c.slow
	}
	return nil
}

// tail is the batch to be written to. The caller holds mu.
func (in *inbox) tail() *parcel {
	if n := len(in.full); n > 0 && !in.full[n-1].Full() {
		return in.full[n-1]
	}
	p := &parcel{Batch: batch.Get()}
	in.full = append(in.full, p)
	return p
}

func (in *inbox) wake() {
	select {
	case in.some <- struct{}{}:
	default:
	}
}

// deliver ends when stop is closed.
func (in *inbox) deliver(stop <-chan struct{}) {
	defer in.giveUp()
	var taken []*parcel
	for {
		select {
		case <-stop:
			return
		case <-in.some:
		}
		taken = in.take(taken)
		for i, p := range taken {
			taken[i] = nil
			in.pass(p)
			p.Release()
		}
	}
}

// pass gives a batch to the relay, without what has come another way.
func (in *inbox) pass(p *parcel) {
	messages, bytes, redundant := p.Len(), p.Size(), 0
	if len(p.shared) > 0 {
		in.screen.turn.Lock()
		defer in.screen.turn.Unlock()
		redundant = in.screen.filter(p.Batch, p.shared)
	}
	in.settle(p.Batch, messages, bytes, redundant, p.Len() == 0 || in.relay(p.Batch))
}

func (in *inbox) take(into []*parcel) []*parcel {
	in.mu.Lock()
	defer in.mu.Unlock()
	into = append(into[:0], in.full...)
	clear(in.full)
	in.full = in.full[:0]
	return into
}

// settle counts what has become of a batch, of which so many messages and bytes have waited.
func (in *inbox) settle(b *batch.Batch, messages, bytes, redundant int, delivered bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.counts.waiting -= int64(messages)
	in.counts.waitingBytes -= int64(bytes)
	in.counts.redundant += uint64(redundant)
	if delivered {
		in.counts.in += uint64(b.Len())
		in.counts.inBytes += uint64(b.Size())
	} else {
		in.counts.stopped += uint64(b.Len())
	}
}

// giveUp drops what is not delivered.
func (in *inbox) giveUp() {
	for _, p := range in.take(nil) {
		in.settle(p.Batch, p.Len(), p.Size(), 0, false)
		p.Release()
	}
}

// now gives the counters.
func (in *inbox) now() inCounts {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.counts
}
