package sendqueue

import (
	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// maxStreams and maxStreamBytes bound the table of a publisher. Rather than forget single
// streams, which receivers would take for a loss, a full table is emptied and a new
// incarnation drawn: then every stream begins anew, and no receiver concludes anything.
const (
	maxStreams     = 100_000
	maxStreamBytes = 32 << 20 // of topics and origins
)

// sequencer counts the envelopes of each stream, for the sequence trailer: those of one topic
// and one origin, as receivers tell streams apart. It has no lock: only the holder of the turn
// uses it, and Start, before anyone sends.
type sequencer struct {
	draw        func() uint32 // a random number
	incarnation uint16        // which life of the streams this is; receivers tell lives apart by it
	next        map[string]*uint32
	bytes       int               // of all keys of next
	recent      [256]recentStream // by wire.StreamSlot: most envelopes belong to one of few streams
}

// recentStream is one that was counted lately. Streams that share a slot displace each other.
type recentStream struct {
	key  []byte
	next *uint32
}

// renew begins a new incarnation, in which every stream begins anew.
func (s *sequencer) renew() {
	s.incarnation += 1 + uint16(s.draw()%0xffff) // another one than before
	s.next, s.bytes, s.recent = map[string]*uint32{}, 0, [256]recentStream{}
}

// number fills in the trailers of a batch.
func (s *sequencer) number(b *batch.Batch) {
	for i := range b.Len() {
		c := s.counter(streamOf(b.Message(i)))
		wire.Number(b, i, wire.Sequence{Incarnation: s.incarnation, Number: *c})
		*c++
	}
}

// streamOf is the first two frames of a message, topic and origin, and the topic.
func streamOf(msg []byte) (key, topic []byte) {
	if end, ok := batch.ShortEnd(msg, 0); ok {
		if both, ok := batch.ShortEnd(msg, end); ok {
			return msg[:both], msg[batch.ShortHeader:end]
		}
	}
	topic, rest, _, _ := batch.NextFrame(msg)
	_, rest, _, _ = batch.NextFrame(rest)
	return msg[:len(msg)-len(rest)], topic
}

// counter gives the next number of a stream.
func (s *sequencer) counter(key, topic []byte) *uint32 {
	r := &s.recent[wire.StreamSlot(topic)]
	if string(r.key) == string(key) {
		return r.next
	}
	c := s.next[string(key)]
	if c == nil {
		if len(s.next) >= maxStreams || s.bytes+len(key) > maxStreamBytes {
			s.renew()
		}
		s.bytes += len(key)
		c = new(uint32)
		s.next[string(key)] = c
	}
	r.key, r.next = append(r.key[:0], key...), c
	return c
}
