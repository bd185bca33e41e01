// Package interest hides how what local receivers subscribe to becomes what is asked of a backbone: the
// fewest prefixes of topics, which other sites are told, and the fewest NATS filters.
//
// NATS delivers a message once for each subscription of a connection that matches it, so no filter
// here covers another one. Prefixes are bytes of the first frame, as on the wire; they are counted, as
// several receivers may want the same. With imports, only what begins with one of them is wanted.
//
// Changes are collected until Take hands them out as one Batch. A user of a Batch adds before it
// removes: then nothing is missed that was wanted before and after, and for that moment a message may come
// twice. All batches in their order give the same as everything afresh. Changed has a value whenever
// there may be something to take; a short delay behind it makes one Batch of many changes.
//
// A Set has one lock, which is held for each call and calls nothing outside. Adding and removing takes
// about a microsecond; Take costs what has changed.
package interest

import (
	"bytes"
	"strings"
	"sync"

	"github.com/hermes-zmq/hermes/internal/natssubject"
	"github.com/hermes-zmq/hermes/internal/systemtopic"
)

// Set is what the receivers of one post office want of other sites. All methods may be called from any
// goroutine.
type Set struct {
	space   natssubject.Space
	imports [][]byte
	changed chan struct{}

	mu       sync.Mutex
	prefixes bounded // of all topics but system topics
	system   bounded // of system topics, which no prefix of the others gets
	filters  bounded // as stems: without the ">"
}

// MaxPrefix bounds a prefix. Of a longer one only so much is wanted, which is more than is needed; receivers
// get what they have subscribed to all the same.
const MaxPrefix = 4096

// Batch is what has changed. Each of its lists is without duplicates, and nothing is in two of them.
type Batch struct {
	AddFilters, RemoveFilters   []string // NATS subjects to subscribe to
	AddPrefixes, RemovePrefixes []string // beginnings of first frames
}

// Empty reports whether nothing has changed.
func (b *Batch) Empty() bool {
	return len(b.AddFilters)+len(b.RemoveFilters)+len(b.AddPrefixes)+len(b.RemovePrefixes) == 0
}

// New makes an empty Set. imports are the prefixes of what may be wanted; none: everything.
func New(space natssubject.Space, imports [][]byte) *Set {
	s := &Set{space: space, imports: imports, changed: make(chan struct{}, 1)}
	s.prefixes.everything, s.system.everything = []string{""}, []string{systemtopic.Sign}
	for _, f := range space.Everything() {
		s.filters.everything = append(s.filters.everything, stem(f))
	}
	return s
}

// Add counts a prefix once more. It keeps no reference to it.
func (s *Set) Add(prefix []byte) { s.change(prefix, (*antichain).add) }

// Remove undoes one Add.
func (s *Set) Remove(prefix []byte) { s.change(prefix, (*antichain).remove) }

func (s *Set) change(prefix []byte, do func(*antichain, []byte) bool) {
	prefix = prefix[:min(len(prefix), MaxPrefix)]
	s.mu.Lock()
	changed := false
	for _, p := range Within(prefix, s.imports) {
		of := &s.prefixes
		if systemtopic.Is(p) {
			of = &s.system
		}
		changed = do(&of.antichain, p) || changed
	}
	s.mu.Unlock()
	if !changed {
		return
	}
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// Changed receives a value after a change that Take has not handed out.
func (s *Set) Changed() <-chan struct{} { return s.changed }

// Take hands out what has changed since the last call.
func (s *Set) Take() Batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b Batch
	for _, of := range []*bounded{&s.prefixes, &s.system} {
		added, removed := of.settle()
		for _, p := range added {
			for _, f := range s.space.Filters([]byte(p)) {
				s.filters.add([]byte(stem(f)))
			}
		}
		for _, p := range removed {
			for _, f := range s.space.Filters([]byte(p)) {
				s.filters.remove([]byte(stem(f)))
			}
		}
		added, removed = of.limit(added, removed) // the filters follow all prefixes
		b.AddPrefixes, b.RemovePrefixes = append(b.AddPrefixes, added...), append(b.RemovePrefixes, removed...)
	}
	added, removed := s.filters.limit(s.filters.settle())
	b.AddFilters, b.RemoveFilters = filters(added), filters(removed)
	return b
}

// Prefixes is what all batches so far have added and not removed.
func (s *Set) Prefixes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append(s.prefixes.now(), s.system.now()...)
}

// Filters is the same of filters: what to subscribe to on a new connection.
func (s *Set) Filters() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return filters(s.filters.now())
}

// Within is the part of a prefix that begins with one of the allowed ones: those of them that begin with it, or
// itself. With none, everything is allowed.
func Within(prefix []byte, allowed [][]byte) (parts [][]byte) {
	if len(allowed) == 0 {
		return [][]byte{prefix}
	}
	for _, a := range allowed {
		switch {
		case bytes.HasPrefix(prefix, a):
			return [][]byte{prefix}
		case bytes.HasPrefix(a, prefix) && systemtopic.Reaches(prefix, a):
			parts = append(parts, a)
		}
	}
	return parts
}

// end stands behind a stem that is a whole subject, which has no such byte: so it begins no other stem, and
// one stem begins another where the filter of the first covers the second's.
const end = " "

// stem is what all subjects of a filter begin with, or the whole subject and end.
func stem(filter string) string {
	if wide, ok := strings.CutSuffix(filter, ">"); ok {
		return wide
	}
	return filter + end
}

// filters undoes stem, in place.
func filters(stems []string) []string {
	for i, s := range stems {
		subject, whole := strings.CutSuffix(s, end)
		if !whole {
			subject += ">"
		}
		stems[i] = subject
	}
	return stems
}
