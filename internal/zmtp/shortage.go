package zmtp

import (
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/fds"
)

// noticeEvery is how often a shortage that lasts is told of, at most.
const noticeEvery = time.Second

// shortage tells of a lack of descriptors or memory that keeps a socket from accepting
// or connecting: when it begins, once a second while it lasts, and when it is over.
type shortage struct {
	mu   sync.Mutex
	here bool
	next time.Time // when the next notice is due
}

// note reports whether err is a shortage, and whether a notice of it is due.
func (s *shortage) note(err error) (short, due bool) {
	if !exhausted(err) {
		return false, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	due = !now.Before(s.next)
	if due {
		s.next = now.Add(noticeEvery)
	}
	s.here = true
	return true, due
}

// over ends the shortage, and reports whether there was one.
func (s *shortage) over() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.here
	s.here = false
	return was
}

// exhausted reports an error that says that the process or the system has no more of
// something.
func exhausted(err error) bool {
	for _, lack := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, lack) {
			return true
		}
	}
	return false
}

// short tells of a shortage, if err is one.
func (s *socket) short(what, address string, err error) {
	if _, due := s.lack.note(err); due {
		s.tellUnlessClosed(carrier.Event{Kind: carrier.Exhausted, Address: address,
			Reason: fmt.Sprintf("%s: %s", what, fds.Describe(err))})
	}
}

// enough tells that a shortage is over, if there was one.
func (s *socket) enough(address string) {
	if s.lack.over() {
		s.tellUnlessClosed(carrier.Event{Kind: carrier.Recovered, Address: address})
	}
}

// spare reports whether there is a descriptor to be had.
func spare() bool {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return false
	}
	_ = unix.Close(fd)
	return true
}
