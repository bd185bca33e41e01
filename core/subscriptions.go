package core

import (
	"fmt"
	"strings"
	"sync"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

// followedPrefixes and followedBytes bound what a receiver can follow: a post office
// hangs up on a peer that asks for more, again and again.
const (
	followedPrefixes = 256 << 10
	followedBytes    = 16 << 20
)

// subscriptions is what a receiver follows, whether it runs or not: every topic,
// until somebody asks for less.
type subscriptions struct {
	mu       sync.Mutex
	chosen   bool           // somebody has subscribed, ever
	prefixes map[string]int // on the wire, with how often each was asked for
	bytes    int            // their length
	inlet    carrier.Inlet  // while running
}

// attach tells a new socket what is followed.
func (s *subscriptions) attach(in carrier.Inlet) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inlet = in
	if !s.chosen {
		_ = in.Subscribe(nil) // fails only when the inlet is closed, which is ours to do
		return
	}
	for p := range s.prefixes {
		_ = in.Subscribe([]byte(p))
	}
}

func (s *subscriptions) detach() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inlet = nil
}

func (s *subscriptions) add(prefix []byte) error {
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
			return errorf(EIO, "cannot subscribe: %w", err)
		}
	}
	if first {
		_ = s.inlet.Unsubscribe(nil) // the prefix replaces "every topic"
	}
	return nil
}

// makeRoom counts a new prefix.
func (s *subscriptions) makeRoom(prefix []byte) error {
	if len(s.prefixes) >= followedPrefixes {
		return errorf(EINVAL, "a receiver can follow %d topics, and not one more", followedPrefixes)
	}
	if s.bytes+len(prefix) > followedBytes {
		return errorf(EINVAL, "the topics that a receiver can follow have %d bytes together, and no more", followedBytes)
	}
	s.bytes += len(prefix)
	return nil
}

func (s *subscriptions) remove(prefix []byte) (known bool, err error) {
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
			return true, errorf(EIO, "cannot unsubscribe: %w", err)
		}
	}
	return true, nil
}

// text says what is followed, for people.
func (s *subscriptions) text() string {
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
