// Package subscription keeps what a receiver subscribes to, whether it runs or not: every
// topic, until a first prefix is added, and then the topics that begin with one of the
// prefixes. Prefixes are counted. A socket that is attached is told what there is and of
// every change.
//
// A Set has one lock, which is held while the socket is told; the socket must not call the
// Set.
package subscription

import (
	"fmt"
	"strings"
	"sync"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/errs"
)

// MaxPrefixes and MaxBytes bound what one receiver can subscribe to: a post office hangs up
// on a peer that asks for more, again and again.
const (
	MaxPrefixes = 256 << 10
	MaxBytes    = 16 << 20
)

// Set is what one receiver subscribes to. Its zero value is every topic. All methods may be
// called from any goroutine.
type Set struct {
	mu       sync.Mutex
	chosen   bool           // a prefix was added, ever
	prefixes map[string]int // as on the wire, with how often each was added
	bytes    int            // their length
	inlet    carrier.Inlet  // the socket that is told; nil while there is none
}

// Attach tells a new socket what there is, and from now on of every change.
func (s *Set) Attach(in carrier.Inlet) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inlet = in
	if !s.chosen {
		_ = in.Subscribe(nil) // fails only where the inlet is closed, which its owner does after Detach
		return
	}
	for p := range s.prefixes {
		_ = in.Subscribe([]byte(p))
	}
}

// Detach ends Attach.
func (s *Set) Detach() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inlet = nil
}

// Add adds a prefix: of the first frame on the wire. The first one replaces "every topic".
func (s *Set) Add(prefix []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.prefixes == nil {
		s.prefixes = map[string]int{}
	}
	if s.prefixes[string(prefix)] == 0 {
		if err := s.makeRoom(prefix); err != nil {
			return err
		}
	}
	first := !s.chosen
	s.chosen = true
	s.prefixes[string(prefix)]++
	if s.inlet == nil {
		return nil
	}
	if s.prefixes[string(prefix)] == 1 {
		if err := s.inlet.Subscribe(prefix); err != nil {
			return errs.Errorf(errs.EIO, "cannot subscribe: %w", err)
		}
	}
	if first {
		_ = s.inlet.Unsubscribe(nil)
	}
	return nil
}

// makeRoom counts a new prefix.
func (s *Set) makeRoom(prefix []byte) error {
	if len(s.prefixes) >= MaxPrefixes {
		return errs.Errorf(errs.EINVAL, "cannot subscribe: a receiver has at most %d subscriptions", MaxPrefixes)
	}
	if s.bytes+len(prefix) > MaxBytes {
		return errs.Errorf(errs.EINVAL, "cannot subscribe: the subscriptions of a receiver have at most %d bytes together", MaxBytes)
	}
	s.bytes += len(prefix)
	return nil
}

// Remove undoes one Add. It reports whether there was one.
func (s *Set) Remove(prefix []byte) (known bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.prefixes[string(prefix)]
	if n == 0 {
		return false, nil
	}
	if n > 1 {
		s.prefixes[string(prefix)]--
		return true, nil
	}
	delete(s.prefixes, string(prefix))
	s.bytes -= len(prefix)
	if s.inlet != nil {
		if err := s.inlet.Unsubscribe(prefix); err != nil {
			return true, errs.Errorf(errs.EIO, "cannot unsubscribe: %w", err)
		}
	}
	return true, nil
}

// String says what there is, for people: three prefixes at most.
func (s *Set) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	const most = 3
	var some []string
	for p := range s.prefixes {
		if len(some) == most {
			some = append(some, fmt.Sprintf("%d more", len(s.prefixes)-most))
			break
		}
		some = append(some, fmt.Sprintf("%q", strings.TrimPrefix(p, `"`)))
	}
	switch {
	case !s.chosen:
		return "every topic"
	case len(some) == 0:
		return "it subscribes to nothing"
	}
	return "the topics that begin with " + strings.Join(some, ", ")
}
