package deadline

import (
	"sync"
	"time"

	"github.com/hermes-zmq/hermes/internal/safe"
)

// StopLimit is how long a stop that is under way may still take: the timeout of Stop, or the
// option "linger" for Close. A goroutine that asks for another stop meanwhile can shorten it:
// closing must not wait for a flush without end. The zero value is ready for use; all methods
// may be called from any goroutine.
type StopLimit struct {
	mu      sync.Mutex
	begun   bool
	ever    bool          // it has no end
	until   time.Time     // unless ever
	shorter chan struct{} // closed when the end has come closer

	waiting map[uint64]time.Time // the limits of callers that wait for the stop under way
	last    uint64               // the last key of waiting
}

// Enqueue shortens the stop under way, and the one that may be about to begin, until
// Dequeue is called with the number that it gives. A negative timeout shortens nothing.
func (s *StopLimit) Enqueue(timeout time.Duration) (number uint64) {
	s.Shorten(timeout)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	if timeout >= 0 {
		if s.waiting == nil {
			s.waiting = map[uint64]time.Time{}
		}
		s.waiting[s.last] = time.Now().Add(timeout)
	}
	return s.last
}

// Dequeue undoes an Enqueue for stops that have not begun yet.
func (s *StopLimit) Dequeue(number uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waiting, number)
}

// Waiting is how many Enqueue there are without their Dequeue, and which had a limit.
func (s *StopLimit) Waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.waiting)
}

// Forget drops the limits of callers that still wait for a stop that is over: they must
// not shorten the stop of another run.
func (s *StopLimit) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.waiting)
}

// Begin starts a stop; a negative timeout has no end.
func (s *StopLimit) Begin(timeout time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun, s.ever, s.until, s.shorter = true, timeout < 0, time.Now().Add(timeout), make(chan struct{})
	for _, until := range s.waiting {
		if s.ever || until.Before(s.until) {
			s.ever, s.until = false, until
		}
	}
}

// End says that the stop is over.
func (s *StopLimit) End() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun = false
}

// Shorten lets the stop under way end after timeout at the latest. Without one it does
// nothing.
func (s *StopLimit) Shorten(timeout time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	until := time.Now().Add(timeout)
	if !s.begun || timeout < 0 || !s.ever && !until.Before(s.until) {
		return
	}
	s.ever, s.until = false, until
	close(s.shorter)
	s.shorter = make(chan struct{})
}

// Left is how much time is left, negative for no end, and a channel that is closed when
// that has become less.
func (s *StopLimit) Left() (time.Duration, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ever {
		return -1, s.shorter
	}
	return max(time.Until(s.until), 0), s.shorter
}

// Await waits for a channel to be closed. It reports false where the time was up first.
func (s *StopLimit) Await(done <-chan struct{}) bool {
	for {
		left, shorter := s.Left()
		t := After(left)
		select {
		case <-done:
			t.Stop()
			return true
		case <-t.C:
			t.Stop()
			return false
		case <-shorter:
			t.Stop()
		}
	}
}

// Flusher is a socket whose Close sends what is queued, for as long as linger says, and
// gives the number of messages that were not sent. A second Close, with a linger of 0,
// ends the first.
type Flusher interface {
	Close(linger time.Duration) (unsent int)
}

const (
	// maxLinger bounds even a flush that may take for ever.
	maxLinger = 24 * time.Hour
	// giveUpTime is how long a Flusher may take to end once its time is up.
	giveUpTime = time.Second
)

// Close closes f, which may flush for what is left. libzmq cannot be hurried once it has
// begun; it is then left to itself.
func (s *StopLimit) Close(f Flusher) (unsent int) {
	linger, _ := s.Left()
	if linger < 0 {
		linger = maxLinger
	}
	closed := make(chan struct{})
	safe.Go(nil, func() {
		defer close(closed)
		unsent = f.Close(linger)
	})
	if s.Await(closed) {
		return unsent
	}
	more := f.Close(0)
	select {
	case <-closed:
		return unsent + more
	case <-time.After(giveUpTime):
		return more
	}
}
