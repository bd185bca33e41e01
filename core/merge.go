package core

import (
	"encoding/binary"
	"time"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/clock"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// heldEnvelopes and heldBytes bound what waits for earlier envelopes. What comes beyond
// that is dropped: as a rule another path brings it once more. They are at most half of
// what is remembered of strands, so that remembering goes on while many of them wait.
const (
	heldEnvelopes = 50_000
	heldBytes     = 16 << 20
)

// merge makes one stream out of the copies that come over several paths: the first copy
// of each number is handed out, in order. A number that comes before its turn is held
// for as long as some path may still bring what is missing. Paths keep the order of what
// they bring, so one that has brought a higher number will not; one that has nothing to
// say within the hold is not waited for. As long as nothing is missing nothing is held.
//
// Strands are remembered in two generations, as streams are.
type merge struct {
	tracks []track
	hold   int64
	now    int64 // of the batch that is looked at, or of the last look at what is held
	epoch  uint32

	young, old map[string]*strand
	bytes      int // length of all keys of young
	key        []byte

	lastKey []byte // the strand of the last envelope, which the next one often shares
	last    *strand

	waiting map[*strand]struct{} // those that hold something
	count   int                  // envelopes held
	size    int64                // their bytes
}

// track is what is known of a path.
type track struct {
	connected bool
	life      uint32 // grows with every connection
	changed   int64  // when it last came or went
	heard     int64  // when it last brought something
	late      bool   // it has been waited for in vain, and brought nothing since
}

func newMerge(paths int) *merge {
	m := &merge{tracks: make([]track, paths), waiting: map[*strand]struct{}{}, now: int64(clock.Monotonic())}
	for i := range m.tracks {
		m.tracks[i].changed = m.now
	}
	return m
}

// begin notes that a batch has come over path p.
func (m *merge) begin(p int, hold time.Duration) {
	m.now, m.hold = int64(clock.Monotonic()), int64(hold)
	t := &m.tracks[p]
	t.heard, t.late = m.now, false
}

// note takes in that a path has come or gone.
func (m *merge) note(p int, kind carrier.EventKind) {
	t := &m.tracks[p]
	switch kind {
	case carrier.Connected:
		t.life++
		t.connected = true
	case carrier.Disconnected:
		t.connected = false
	default:
		return
	}
	t.changed = int64(clock.Monotonic())
}

// forget lets the next gap in every strand pass: after a change of subscriptions, what
// was not asked for is not missing. What has been handed out is remembered.
func (m *merge) forget() { m.epoch++ }

// strand finds the strand of an envelope, or begins it.
func (m *merge) strand(p *wire.Parts) *strand {
	m.key = binary.BigEndian.AppendUint16(m.key[:0], p.Sequence.Incarnation)
	m.key = append(append(m.key, p.Origin...), p.Topic...) // both are JSON strings, which end by themselves
	if m.last != nil && string(m.lastKey) == string(m.key) {
		return m.last
	}
	s := m.young[string(m.key)]
	if s == nil {
		if s = m.old[string(m.key)]; s == nil {
			s = &strand{epoch: m.epoch - 1, passed: make([]passed, len(m.tracks))}
		}
		m.remember(s)
	}
	m.last, m.lastKey = s, append(m.lastKey[:0], m.key...)
	return s
}

// remember puts a strand into the young generation, under m.key.
func (m *merge) remember(s *strand) {
	if m.young == nil || len(m.young) >= rememberedStreams || m.bytes+len(m.key) > rememberedBytes {
		m.old, m.young, m.bytes = m.young, map[string]*strand{}, 0
		for s := range m.waiting {
			m.young[s.key] = s
			m.bytes += len(s.key)
		}
	}
	if m.young[string(m.key)] == nil {
		m.young[string(m.key)] = s
		m.bytes += len(m.key)
	}
}

// keep holds a copy of an envelope. False: there is too much already.
func (m *merge) keep(s *strand, h held) bool {
	size := h.item.size()
	if m.count >= heldEnvelopes || m.size+size > heldBytes && m.count > 0 {
		return false
	}
	if len(s.held) == 0 {
		s.key, s.since = string(m.key), m.now
		m.waiting[s] = struct{}{}
	}
	own := make([]byte, 0, size)
	h.item.moveTo(&own, h.buf)
	h.buf = own
	s.held.push(h)
	m.count++
	m.size += size
	return true
}

// ripe reports whether the first envelope that a strand holds is to be handed out.
func (m *merge) ripe(s *strand, all bool) bool {
	if len(s.held) == 0 {
		return false
	}
	return all || s.begun && int32(s.held[0].number-s.next) <= 0 || !m.hopeful(s)
}

// take removes the first envelope that a strand holds. fresh is false for a copy of one
// that was handed out; lost is how many before it are given up.
func (m *merge) take(s *strand) (h held, fresh bool, lost uint32) {
	h = s.held.pop()
	m.count--
	m.size -= h.item.size()
	if len(s.held) == 0 {
		delete(m.waiting, s)
		s.key = ""
	}
	if s.begun && int32(h.number-s.next) < 0 {
		return h, false, 0
	}
	return h, true, m.advance(s, h.number, h.cached)
}

// overdue gives up on the paths that a strand has waited for in vain, and reports
// whether there are any.
func (m *merge) overdue(s *strand) bool {
	limit := m.hold
	if !s.begun {
		limit /= 4 // nothing may be missing at all
	}
	if m.now-s.since < limit {
		return false
	}
	for p := range s.passed {
		if !m.awaits(s, p) {
			continue
		}
		s.passed[p].state = absent
		if m.tracks[p].heard < s.since {
			m.tracks[p].late = true
		}
	}
	return true
}
