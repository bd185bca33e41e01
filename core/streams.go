package core

import (
	"encoding/binary"

	"github.com/hermes-zmq/hermes/internal/wire"
)

// rememberedStreams and rememberedBytes bound each of the two generations of a
// receiver's table.
const (
	rememberedStreams = 100_000
	rememberedBytes   = 32 << 20 // of topics and origins
)

// streams remembers the last number of every stream: one topic of one incarnation
// of one sender. It holds two generations; when the young one is full it becomes
// the old one, and what was not seen since is forgotten. A forgotten stream
// begins anew, so forgetting never looks like a loss.
type streams struct {
	young, old map[string]*uint32
	bytes      int // length of all keys of young
	key        []byte
	recent     recentStreams
}

// recentStreams are those noted last, by wire.Parts.Stream: most envelopes belong to one of
// few streams, and are spared the search in a big table. What shares a place displaces
// each other.
type recentStreams [256]recentStream

type recentStream struct {
	stream      uint64
	last        *uint32
	incarnation uint16
}

func (s *streams) forget() {
	s.young, s.old, s.bytes, s.recent = nil, nil, 0, recentStreams{}
}

// note takes in the number of an envelope, and tells how many before it are missing, or
// whether it has been seen already. Numbers wrap around.
func (s *streams) note(p *wire.Parts) (lost uint32, duplicate bool) {
	last, known := s.find(p)
	number := p.Sequence.Number
	if !known {
		*last = number
		return 0, false
	}
	step := number - *last
	if int32(step) <= 0 {
		return 0, true
	}
	*last = number
	return step - 1, false
}

// find gives the last number of an envelope's stream, and whether there was one.
func (s *streams) find(p *wire.Parts) (last *uint32, known bool) {
	r := &s.recent[p.Stream%uint64(len(s.recent))]
	if p.Stream != 0 && r.stream == p.Stream && r.incarnation == p.Sequence.Incarnation {
		return r.last, true
	}
	s.key = binary.BigEndian.AppendUint16(s.key[:0], p.Sequence.Incarnation)
	s.key = append(append(s.key, p.Origin...), p.Topic...) // both are JSON strings, which end by themselves
	last, known = s.young[string(s.key)]
	if !known {
		if last, known = s.old[string(s.key)]; !known {
			last = new(uint32)
		}
		if s.young == nil || len(s.young) >= rememberedStreams || s.bytes+len(s.key) > rememberedBytes {
			s.old, s.young, s.bytes = s.young, map[string]*uint32{}, 0
			s.recent = recentStreams{}
		}
		s.young[string(s.key)] = last
		s.bytes += len(s.key)
	}
	*r = recentStream{p.Stream, last, p.Sequence.Incarnation}
	return last, known
}
