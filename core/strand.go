package core

import "github.com/hermes-zmq/hermes/internal/wire"

// strand is a stream that comes over several paths: one topic of one incarnation of one
// sender. Copies are told by their numbers; what comes too early is held.
type strand struct {
	begun  bool
	next   uint32  // the number that is due
	newest float64 // time of the newest envelope
	epoch  uint32  // see merge.forget

	passed []passed // by path
	held   heldHeap
	key    string // while something is held
	since  int64  // when something last came that was due, or holding began
}

// passed is how far a path has come with a strand.
type passed struct {
	next  uint32 // one more than the highest number that it has brought
	life  uint32 // of the path, see track
	state passage
}

type passage uint8

const (
	unheard passage = iota // it has brought nothing yet
	known
	absent // it was waited for in vain
)

// verdict is what to do with an envelope.
type verdict int

const (
	due verdict = iota
	early
	again
)

// judge takes in an envelope that has come over a path. Where it is due, lost tells how
// many before it are given up.
func (m *merge) judge(s *strand, path int, p *wire.Parts) (v verdict, lost uint32) {
	n := p.Sequence.Number
	t, from := &s.passed[path], &m.tracks[path]
	if t.state == known && int32(n-t.next) < 0 {
		if t.life == from.life && !p.Cached && p.TS > s.newest && len(s.held) == 0 {
			s.begun = false // another run of the sender has drawn the same incarnation
			for i := range s.passed {
				s.passed[i].state = unheard
			}
			t.next, t.state = n+1, known
		}
	} else {
		t.next, t.state = n+1, known
	}
	t.life = from.life
	if s.begun && int32(n-s.next) < 0 {
		return again, 0
	}
	s.newest = max(s.newest, p.TS)
	if n == s.next && s.begun || n == 0 && !s.begun || !m.hopeful(s) && s.firstHeld(n) {
		return due, m.advance(s, n, p.Cached)
	}
	return early, 0
}

// firstHeld reports whether n comes before all that is held.
func (s *strand) firstHeld(n uint32) bool {
	return len(s.held) == 0 || int32(n-s.held[0].number) < 0
}

// advance notes that n is handed out, and tells how many before it are given up. Caches
// do not begin at the same place, so a gap behind the first out of one is none.
func (m *merge) advance(s *strand, n uint32, cached bool) (lost uint32) {
	if s.begun && s.epoch == m.epoch {
		lost = n - s.next
	} else if !cached {
		s.epoch = m.epoch
	}
	s.begun, s.next, s.since = true, n+1, m.now
	return lost
}

// hopeful reports whether what is due may still come over some path.
func (m *merge) hopeful(s *strand) bool {
	for p := range s.passed {
		if m.awaits(s, p) {
			return true
		}
	}
	return false
}

// awaits reports whether what is due may still come over path p: nothing that goes over
// one path overtakes.
func (m *merge) awaits(s *strand, p int) bool {
	t, from := &s.passed[p], &m.tracks[p]
	switch {
	case t.state == absent, from.late, !from.connected && m.now-from.changed > m.hold:
		return false
	case t.state == unheard:
		return true
	}
	return s.begun && int32(t.next-s.next) <= 0
}
