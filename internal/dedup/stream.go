package dedup

// Stream is what is known of one stream: see Merger.
type Stream[T any] struct {
	begun  bool    // an envelope of it was delivered
	next   uint32  // the number that is due; numbers wrap around
	newest float64 // the greatest time of sending seen
	epoch  uint32  // of the last gap that counts: see SkipGaps

	passed []passed // by path
	early  reorderBuffer[T]
	key    string // of the table, while early is not empty
	since  int64  // when an envelope that was due was last delivered, or early was last empty
}

// Held is the number of copies in the reorder buffer of the stream.
func (s *Stream[T]) Held() int { return len(s.early) }

// passed is how far a path has come with a stream.
type passed struct {
	next  uint32 // one more than the highest number that it has brought
	life  uint32 // of the path, when it brought that
	state passage
}

type passage uint8

const (
	unheard passage = iota // the path has brought nothing of the stream yet
	known                  // it has
	absent                 // it was waited for in vain
)

// restart begins a stream anew.
func (m *Merger[T]) restart(s *Stream[T]) {
	s.begun = false
	for i := range s.passed {
		s.passed[i].state = unheard
	}
}

// beforeHeld reports whether a number comes before all that is held.
func (s *Stream[T]) beforeHeld(number uint32) bool {
	return len(s.early) == 0 || int32(number-s.early[0].Number) < 0
}

// advance notes that a number is delivered, and tells how many before it are given up. The
// caches of several post offices do not begin at the same number, so the gap behind the
// first envelope out of a cache is no loss.
func (m *Merger[T]) advance(s *Stream[T], number uint32, cached bool) (lost uint32) {
	if s.begun && s.epoch == m.epoch {
		lost = number - s.next
	} else if !cached {
		s.epoch = m.epoch
	}
	s.begun, s.next, s.since = true, number+1, m.now
	return lost
}

// hopeful reports whether some path may still bring the number that is due.
func (m *Merger[T]) hopeful(s *Stream[T]) bool {
	for p := range s.passed {
		if m.awaits(s, p) {
			return true
		}
	}
	return false
}

// awaits reports whether path p may still bring the number that is due.
func (m *Merger[T]) awaits(s *Stream[T], p int) bool {
	t, from := &s.passed[p], &m.paths[p]
	switch {
	case t.state == absent, from.stalled, !from.connected && m.now-from.changed > m.hold:
		return false
	case t.state == unheard:
		return true
	}
	return s.begun && int32(t.next-s.next) <= 0
}

// overdue gives up the paths that a stream has waited for too long, and reports whether it
// has waited for too long.
func (m *Merger[T]) overdue(s *Stream[T]) bool {
	limit := m.hold
	if !s.begun {
		limit /= 4 // perhaps nothing is missing at all
	}
	if m.now-s.since < limit {
		return false
	}
	for p := range s.passed {
		if !m.awaits(s, p) {
			continue
		}
		s.passed[p].state = absent
		if m.paths[p].heard < s.since {
			m.paths[p].stalled = true
		}
	}
	return true
}
