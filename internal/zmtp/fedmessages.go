package zmtp

import (
	"hash/maphash"

	"github.com/hermes-zmq/hermes/internal/streamtable"
	"github.com/hermes-zmq/hermes/internal/wire"
)

const (
	// fedStreams is how many streams a round remembers; of streams that it has forgotten a peer
	// may get what is in both the store and the ring twice, and drops it by its number.
	fedStreams = 200_000
	// fedOthers is how many messages without a number it remembers.
	fedOthers = 1 << 16
)

// fedMessages is what a round has fed, so that a message that is both in the store and in
// recentRing is fed once. One goroutine uses it.
//
// Of every stream it has the last number: both sources have a stream in the same order. Messages
// without numbers may be alike, so it has for the last ones, by their hash, how often they have come
// from the store, less how often from the ring.
type fedMessages struct {
	hash streamtable.Hash
	last *streamtable.Generations

	seed   maphash.Seed
	others map[uint64]int
	order  []uint64 // of others, as a ring
	at     int      // the oldest of order, once it is full
}

func newFedMessages() *fedMessages {
	return &fedMessages{hash: streamtable.NewHash(), last: streamtable.NewGenerations(fedStreams),
		seed: maphash.MakeSeed(), others: map[uint64]int{}}
}

// addStored notes a message from the store, and reports whether it was not noted before.
func (f *fedMessages) addStored(msg []byte) (fresh bool) { return f.add(msg, 1) }

// addRecent is addStored for one from the ring.
func (f *fedMessages) addRecent(msg []byte) (fresh bool) { return f.add(msg, -1) }

func (f *fedMessages) add(msg []byte, step int) (fresh bool) {
	seq, numbered := wire.SequenceOf(msg)
	if !numbered {
		return f.addOther(maphash.Bytes(f.seed, msg), step)
	}
	last, known := f.last.Find(f.key(msg, seq))
	if known && int32(seq.Number-*last) <= 0 {
		return false
	}
	*last = seq.Number
	return true
}

func (f *fedMessages) key(msg []byte, seq wire.Sequence) streamtable.Key {
	names, _ := wire.NamesOf(msg)
	return f.hash.Key(names).Of(seq.Incarnation)
}

func (f *fedMessages) addOther(sum uint64, step int) (fresh bool) {
	n, known := f.others[sum]
	f.others[sum] = n + step
	if !known {
		f.remember(sum)
	}
	return n*step >= 0
}

func (f *fedMessages) remember(sum uint64) {
	if len(f.order) < fedOthers {
		f.order = append(f.order, sum)
		return
	}
	delete(f.others, f.order[f.at])
	f.order[f.at] = sum
	f.at = (f.at + 1) % fedOthers
}

// rest begins to look at messages of the ring without noting them.
func (f *fedMessages) rest() *restOfFed { return &restOfFed{f, map[uint64]int{}} }

// restOfFed looks at messages of the ring that may be looked at again.
type restOfFed struct {
	*fedMessages
	seen map[uint64]int // messages without numbers, and how often
}

// fresh reports whether a message was not fed.
func (f *restOfFed) fresh(msg []byte) bool {
	seq, numbered := wire.SequenceOf(msg)
	if !numbered {
		sum := maphash.Bytes(f.seed, msg)
		f.seen[sum]++
		return f.seen[sum] > f.others[sum]
	}
	last, known := f.last.Known(f.key(msg, seq))
	return !known || int32(seq.Number-last) > 0
}
