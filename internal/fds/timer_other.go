// Where there is no timerfd, a timer is one of Go's.

//go:build !linux

package fds

import (
	"sync"
	"time"
)

// Timer is a timer. One goroutine calls Set and Wait; Close may be called from any.
type Timer struct {
	timer *time.Timer
	ended chan struct{}
	end   sync.Once
}

// NewTimer makes a timer that is not set.
func NewTimer() (*Timer, error) {
	t := &Timer{timer: time.NewTimer(time.Hour), ended: make(chan struct{})}
	t.timer.Stop()
	return t, nil
}

// Set lets the next Wait last so long, from now on. d is positive.
func (t *Timer) Set(d time.Duration) { t.timer.Reset(max(d, 1)) }

// Wait waits for the end of what Set has set, and returns false once the timer is closed.
func (t *Timer) Wait() bool {
	select {
	case <-t.ended:
		return false
	default:
	}
	select {
	case <-t.timer.C:
		return true
	case <-t.ended:
		return false
	}
}

// Close closes it, and ends Wait.
func (t *Timer) Close() {
	t.end.Do(func() {
		close(t.ended)
		t.timer.Stop()
	})
}
