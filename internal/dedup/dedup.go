// Package dedup makes one stream of the copies of envelopes that come over redundant paths.
//
// A stream is one topic of one incarnation of one sender; its envelopes are numbered. Each
// path brings copies in order, and may miss some. The first copy of each number is
// delivered, in order of numbers; later copies are dropped. A number that comes before its
// turn waits in the stream's reorder buffer for as long as some path may still bring what is
// missing. A path that has brought a higher number will not bring it, for nothing overtakes
// on a path; a path that brings nothing within the hold time is not waited for. While
// nothing is missing, nothing is held.
//
// The package knows no sockets, clocks, locks or envelopes: its caller passes the time (in
// nanoseconds, on any clock that does not go back), guards a Merger with a lock of its own,
// and chooses what a copy carries (T). The order of calls is:
//
//	m.Hear(path, now, hold)                     // a batch has come over a path
//	s := m.Stream(incarnation, origin, topic)   // for each of its envelopes
//	verdict, lost := m.Judge(s, path, number, cached, ts)
//	                                            // Due: deliver. Again: drop.
//	                                            // Early: Hold, where there is Room, else drop
//	for m.Ripe(s) { m.Take(s) }                 // then deliver what is due by now
package dedup

import (
	"encoding/binary"
	"iter"

	"github.com/hermes-zmq/hermes/internal/invariants"
	"github.com/hermes-zmq/hermes/internal/lru"
)

// MaxHeld and MaxHeldBytes bound the reorder buffers of all streams together. What comes
// beyond them is dropped: as a rule another path brings it once more. MaxHeld is at most
// half of maxStreams, so that streams are remembered while many of them hold something.
const (
	MaxHeld      = 50_000
	MaxHeldBytes = 16 << 20
)

// maxStreams and maxStreamBytes bound one generation of the table of streams.
const (
	maxStreams     = 100_000
	maxStreamBytes = 32 << 20 // of topics and origins
)

// Merger merges the streams of all paths. T is what a held copy carries.
type Merger[T any] struct {
	paths []path
	hold  int64 // how long a stream waits for a path, in ns
	now   int64 // of the last call that passed a time
	epoch uint32

	streams lru.Table[Stream[T]]
	key     []byte // of last: scratch space
	next    []byte // scratch space for a key that may not be that of last
	last    *Stream[T]

	waiting map[*Stream[T]]struct{} // streams whose reorder buffer is not empty
	held    int                     // copies in all reorder buffers
	bytes   int64                   // of those, as their Size says
}

// path is what is known of one path.
type path struct {
	connected bool
	life      uint32 // number of its connections so far
	changed   int64  // when it was last connected or disconnected
	heard     int64  // when it last brought a batch
	stalled   bool   // it was waited for in vain, and has brought nothing since
}

// New makes a merger of so many paths, none of which is connected yet.
func New[T any](paths int, now int64) *Merger[T] {
	m := &Merger[T]{paths: make([]path, paths), waiting: map[*Stream[T]]struct{}{}, now: now}
	m.streams = lru.Table[Stream[T]]{MaxKeys: maxStreams, MaxBytes: maxStreamBytes}
	for i := range m.paths {
		m.paths[i].changed = now
	}
	return m
}

// Hear notes that a batch has come over path p. hold is how long a stream waits for a path,
// in ns; it may differ from call to call.
func (m *Merger[T]) Hear(p int, now, hold int64) {
	m.now, m.hold = now, hold
	m.paths[p].heard, m.paths[p].stalled = now, false
}

// SetConnected notes that path p was connected or disconnected.
func (m *Merger[T]) SetConnected(p int, connected bool, now int64) {
	t := &m.paths[p]
	t.connected, t.changed = connected, now
	if connected {
		t.life++
	}
}

// SkipGaps counts nothing as lost in the next gap of each stream: after a change of
// subscriptions, what was not subscribed to is not missing. What has been delivered is
// remembered.
func (m *Merger[T]) SkipGaps() { m.epoch++ }

// Stream finds a stream, or begins it. origin and topic are JSON values, which end by
// themselves, so that one after the other is a key. The result is good until the next call.
func (m *Merger[T]) Stream(incarnation uint16, origin, topic []byte) *Stream[T] {
	m.next = binary.BigEndian.AppendUint16(m.next[:0], incarnation)
	m.next = append(append(m.next, origin...), topic...)
	if m.last != nil && string(m.key) == string(m.next) {
		return m.last
	}
	m.key, m.next = m.next, m.key
	s, known, turned := m.streams.Find(m.key)
	if turned {
		for w := range m.waiting {
			m.streams.Keep(w.key, w)
		}
	}
	if !known {
		s.epoch = m.epoch - 1
		s.passed = make([]passed, len(m.paths))
	}
	m.last = s
	return s
}

// Verdict is what to do with a copy.
type Verdict int

const (
	Due   Verdict = iota // deliver it now
	Early                // hold it: something before it may still come
	Again                // drop it: another copy was delivered
)

// Judge takes in that a copy has come over a path: its number, whether it comes out of a
// cache, and its time of sending, in seconds. Of one that is Due, lost tells how many
// envelopes before it are given up.
func (m *Merger[T]) Judge(s *Stream[T], path int, number uint32, cached bool, ts float64) (v Verdict, lost uint32) {
	t, from := &s.passed[path], &m.paths[path]
	if t.state == known && int32(number-t.next) < 0 {
		if t.life == from.life && !cached && ts > s.newest && len(s.early) == 0 {
			m.restart(s) // numbers went back on one connection: the sender's next run has drawn the same incarnation
			t.next, t.state = number+1, known
		}
	} else {
		t.next, t.state = number+1, known
	}
	t.life = from.life
	if s.begun && int32(number-s.next) < 0 {
		return Again, 0
	}
	s.newest = max(s.newest, ts)
	if number == s.next && s.begun || number == 0 && !s.begun || !m.hopeful(s) && s.beforeHeld(number) {
		return Due, m.advance(s, number, cached)
	}
	return Early, 0
}

// Held is the number of copies in all reorder buffers.
func (m *Merger[T]) Held() int { return m.held }

// Room reports whether one more copy of so many bytes can be held. One always can, however
// big it is.
func (m *Merger[T]) Room(size int64) bool {
	return m.held < MaxHeld && (m.bytes+size <= MaxHeldBytes || m.held == 0)
}

// Hold puts a copy that came early into the reorder buffer of s, which is the stream that
// the last call of Stream gave, and for which there is Room.
func (m *Merger[T]) Hold(s *Stream[T], c Copy[T]) {
	if len(s.early) == 0 {
		s.key, s.since = string(m.key), m.now
		m.waiting[s] = struct{}{}
	}
	s.early.push(c)
	m.held++
	m.bytes += c.Size
	if invariants.Enabled {
		m.check()
	}
}

// Ripe reports whether the first copy in the reorder buffer of s is to be taken: its turn
// has come, or no path can bring what is missing before it.
func (m *Merger[T]) Ripe(s *Stream[T]) bool {
	if len(s.early) == 0 {
		return false
	}
	return s.begun && int32(s.early[0].Number-s.next) <= 0 || !m.hopeful(s)
}

// Take removes the first copy from the reorder buffer of s, which must not be empty. fresh
// is false where another copy of the same number was delivered before; lost is how many
// envelopes before it are given up.
func (m *Merger[T]) Take(s *Stream[T]) (c Copy[T], fresh bool, lost uint32) {
	c = s.early.pop()
	m.held--
	m.bytes -= c.Size
	if len(s.early) == 0 {
		delete(m.waiting, s)
		s.key = ""
	}
	if invariants.Enabled {
		m.check()
	}
	if s.begun && int32(c.Number-s.next) < 0 {
		return c, false, 0
	}
	return c, true, m.advance(s, c.Number, c.Cached)
}

// Waiting gives the streams whose reorder buffers are not empty. The caller may take from
// the one that it was given last.
func (m *Merger[T]) Waiting() iter.Seq[*Stream[T]] {
	return func(yield func(*Stream[T]) bool) {
		for s := range m.waiting {
			if !yield(s) {
				return
			}
		}
	}
}

// GiveUp gives the streams of Waiting that wait for nothing any more: it gives up, for each
// stream, the paths that it has waited for longer than hold.
func (m *Merger[T]) GiveUp(now, hold int64) iter.Seq[*Stream[T]] {
	m.now, m.hold = now, hold
	return func(yield func(*Stream[T]) bool) {
		for s := range m.waiting {
			if (m.overdue(s) || !m.hopeful(s)) && !yield(s) {
				return
			}
		}
	}
}

// check checks the bounds of the reorder buffers, and the sums over them.
func (m *Merger[T]) check() {
	invariants.Check(m.held <= MaxHeld, "reorder buffers hold %d copies of at most %d", m.held, MaxHeld)
	invariants.Check(m.bytes <= MaxHeldBytes || m.held == 1, "reorder buffers hold %d bytes in %d copies", m.bytes, m.held)
	invariants.Check((m.held == 0) == (len(m.waiting) == 0) && len(m.waiting) <= m.held, "%d copies held, %d streams wait", m.held, len(m.waiting))
}
