package sendqueue

import (
	"cmp"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/streamtable"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// sequencer counts the envelopes of each stream, for the sequence trailer: those of one topic
// and one origin, as receivers tell streams apart. It has no lock: only the holder of the turn
// uses it, and Start, before anyone sends.
//
// Rather than forget single streams, which receivers would take for a loss, a full table is
// emptied and a new incarnation drawn: then every stream begins anew, and no receiver concludes
// anything.
type sequencer struct {
	draw        func() uint32 // a random number
	most        int           // streams; 0 is streamtable.Most
	incarnation uint16        // which life of the streams this is; receivers tell lives apart by it
	hash        streamtable.Hash
	next        *streamtable.Table
	recent      [256]recentStream // by wire.StreamSlot: as a rule envelopes belong to one of few streams
	ahead       streamtable.Ahead // else
}

// recentStream is one that was counted lately. Streams that share a slot displace each other.
type recentStream struct {
	names []byte
	key   streamtable.Key
}

// renew begins a new incarnation, in which every stream begins anew.
func (s *sequencer) renew() {
	s.incarnation += 1 + uint16(s.draw()%0xffff) // another one than before
	if s.next == nil {
		s.hash = streamtable.NewHash()
	}
	s.next = new(streamtable.Table)
}

// number fills in the trailers of a batch.
func (s *sequencer) number(b *batch.Batch) {
	n := b.Len()
	if s.ahead.Begin(n) {
		for i := range n {
			names, _ := wire.NamesOf(b.Message(i))
			s.ahead.Add(s.hash.Key(names))
		}
		s.ahead.Fetch(s.next)
	}
	for i := range n {
		key, known := s.ahead.Key(i)
		if !known {
			key = s.key(wire.NamesOf(b.Message(i)))
		}
		c := s.counter(key)
		wire.Number(b, i, wire.Sequence{Incarnation: s.incarnation, Number: *c})
		*c++
	}
	s.ahead.End(n)
}

// key is that of a stream; names are its first two frames.
func (s *sequencer) key(names, topic []byte) streamtable.Key {
	r := &s.recent[wire.StreamSlot(topic)]
	if string(r.names) == string(names) {
		return r.key
	}
	s.ahead.Missed()
	r.names, r.key = append(r.names[:0], names...), s.hash.Key(names)
	return r.key
}

// counter gives the next number of a stream.
func (s *sequencer) counter(key streamtable.Key) *uint32 {
	if c := s.next.Find(key); c != nil {
		return c
	}
	if s.next.Len() >= cmp.Or(s.most, streamtable.Most) {
		s.renew()
	}
	return s.next.Add(key)
}
