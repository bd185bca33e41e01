package zmtp

import (
	"fmt"
	"sync"
	"time"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/errno"
	"github.com/hermes-zmq/hermes/internal/fds"
)

// noticeEvery is how often a shortage that lasts is reported, at most.
const noticeEvery = time.Second

// shortage reports a lack of descriptors or memory that keeps a socket from accepting
// or connecting: when it begins, once a second while it lasts, and when it is over.
type shortage struct {
	emit func(carrier.Event) // called without mu

	mu     sync.Mutex
	lasts  bool
	nextAt time.Time // when the next report is due
}

// report reports err, if it is a shortage and a report is due.
func (s *shortage) report(what, address string, err error) {
	if errno.Exhausted(err) && s.due() {
		s.emit(carrier.Event{Kind: carrier.Exhausted, Address: address,
			Reason: fmt.Sprintf("%s: %s", what, fds.Describe(err))})
	}
}

// due notes a shortage, and reports whether a report of it is due.
func (s *shortage) due() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lasts = true
	now := time.Now()
	if now.Before(s.nextAt) {
		return false
	}
	s.nextAt = now.Add(noticeEvery)
	return true
}

// resolve reports that the shortage is over, if there was one.
func (s *shortage) resolve(address string) {
	s.mu.Lock()
	was := s.lasts
	s.lasts = false
	s.mu.Unlock()
	if was {
		s.emit(carrier.Event{Kind: carrier.Recovered, Address: address})
	}
}
