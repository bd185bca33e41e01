package durable

import (
	"encoding/binary"
	"slices"
	"sync"

	"github.com/hermes-zmq/hermes/internal/lru"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// Bounds of the table of what was seen: streams in one of its two generations, their names, and
// the runs of numbers of one stream. Beyond the last, the oldest are put together, and what is
// missing between them counts as seen.
const (
	maxStreams     = 64 << 10
	maxStreamBytes = 8 << 20
	maxSpans       = 64
)

// seen knows which envelopes this site has sent or delivered, by topic, origin, run and number.
// mu guards all of it.
type seen struct {
	mu    sync.Mutex
	table lru.Table[spans]
	key   []byte
}

// spans are the numbers of one stream that were seen, as runs of neighbours in ascending order.
type spans struct{ all []span }

type span struct{ first, last uint32 }

func (s *seen) init() { s.table.MaxKeys, s.table.MaxBytes = maxStreams, maxStreamBytes }

// noteOwn notes an envelope that the site sends.
func (s *seen) noteOwn(msg []byte) { s.note(msg, nil) }

// note notes a message, and reports whether it was seen before. One that is not a numbered
// envelope is known by the id that its site gave it, if that is not nil.
func (s *seen) note(msg, id []byte) (before bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var number uint32
	if seq, ok := sequenceOf(msg); ok {
		number = seq.Number
		names, _ := wire.NamesOf(msg)
		s.key = binary.BigEndian.AppendUint16(append(append(s.key[:0], 'e'), names...), seq.Incarnation)
	} else if run, index, ok := parsePlaceID(id); ok {
		number = uint32(index)
		s.key = append(append(s.key[:0], 'b'), run...)
	} else {
		return false
	}
	v, _, _ := s.table.Find(s.key)
	return v.add(number)
}

// add adds a number, and reports whether it was there. Numbers wrap around: one that is far
// below the last begins anew.
func (v *spans) add(n uint32) (before bool) {
	end := len(v.all) - 1
	switch {
	case end < 0:
		v.all = append(v.all, span{n, n})
		return false
	case n == v.all[end].last+1 && n != 0:
		v.all[end].last = n
		return false
	case v.all[end].last > 1<<31 && n < v.all[end].last-1<<31:
		v.all = append(v.all[:0], span{n, n})
		return false
	}
	i, inside := slices.BinarySearchFunc(v.all, n, func(s span, n uint32) int {
		switch {
		case n < s.first:
			return 1
		case n > s.last:
			return -1
		}
		return 0
	})
	if inside {
		return true
	}
	v.insert(i, n)
	return false
}

// insert adds a number that belongs before span i.
func (v *spans) insert(i int, n uint32) {
	left := i > 0 && v.all[i-1].last+1 == n
	right := i < len(v.all) && n+1 == v.all[i].first
	switch {
	case left && right:
		v.all[i-1].last = v.all[i].last
		v.all = slices.Delete(v.all, i, i+1)
	case left:
		v.all[i-1].last = n
	case right:
		v.all[i].first = n
	default:
		v.all = slices.Insert(v.all, i, span{n, n})
		if len(v.all) > maxSpans {
			v.all[1].first = v.all[0].first
			v.all = slices.Delete(v.all, 0, 1)
		}
	}
}
