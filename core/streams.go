package core

import (
	"encoding/binary"

	"github.com/hermes-zmq/hermes/core/internal/wire"
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
	recent     recent
}

func (s *streams) forget() {
	s.young, s.old, s.bytes, s.recent = nil, nil, 0, recent{}
}

// note takes in a number, and tells how many before it are missing, or whether it
// has been seen already. Numbers wrap around.
func (s *streams) note(origin, topic []byte, q wire.Sequence) (lost uint32, duplicate bool) {
	last, known := s.find(origin, topic, q.Incarnation)
	if !known {
		*last = q.Number
		return 0, false
	}
	step := q.Number - *last
	if int32(step) <= 0 {
		return 0, true
	}
	*last = q.Number
	return step - 1, false
}

// find gives the last number of a stream, and whether there was one.
func (s *streams) find(origin, topic []byte, incarnation uint16) (last *uint32, known bool) {
	r := &s.recent[recentPlace(topic)]
	if isKey(r.key, origin, topic, incarnation) {
		return r.last, true
	}
	s.key = binary.BigEndian.AppendUint16(s.key[:0], incarnation)
	s.key = append(append(s.key, origin...), topic...) // both are JSON strings, which end by themselves
	last, known = s.young[string(s.key)]
	if !known {
		if last, known = s.old[string(s.key)]; !known {
			last = new(uint32)
		}
		if s.young == nil || len(s.young) >= rememberedStreams || s.bytes+len(s.key) > rememberedBytes {
			s.old, s.young, s.bytes, s.recent = s.young, map[string]*uint32{}, 0, recent{}
		}
		s.young[string(s.key)] = last
		s.bytes += len(s.key)
	}
	r.key, r.last = append(r.key[:0], s.key...), last
	return last, known
}

// isKey reports whether key is what find makes of the rest.
func isKey(key, origin, topic []byte, incarnation uint16) bool {
	n := 2 + len(origin)
	return len(key) == n+len(topic) && binary.BigEndian.Uint16(key) == incarnation &&
		string(key[n:]) == string(topic) && string(key[2:n]) == string(origin)
}
