// Package latch has a condition that goroutines wait for with select.
//
// A Latch is open or closed and may change any number of times. A goroutine that waits
// takes the channel of Opened before it looks at what it waits for, so it misses no
// change that comes in between. A Latch has one lock of its own, which is held for a few
// instructions and while no other lock is taken; Set and Wake may be called with locks held.
package latch

import "sync"

// Latch is closed in its zero value. All methods may be called from any goroutine.
type Latch struct {
	mu   sync.Mutex
	open bool
	ch   chan struct{} // closed when the latch opens, or at Wake; nil while no goroutine waits
}

// Set opens or closes the latch. Opening wakes all that wait.
func (l *Latch) Set(open bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == open {
		return
	}
	l.open = open
	if open {
		l.wake()
	}
}

// IsOpen reports the present state.
func (l *Latch) IsOpen() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open
}

// Wake wakes all that wait at a closed latch without opening it, so that they look again
// at what they wait for.
func (l *Latch) Wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wake()
}

// wake closes the channel; the caller holds mu.
func (l *Latch) wake() {
	if l.ch != nil {
		close(l.ch)
		l.ch = nil
	}
}

var alreadyOpen = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// Opened gives a channel that is closed once the latch is open, or at the next Wake. It
// is for one wait: a later wait takes the channel anew.
func (l *Latch) Opened() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open {
		return alreadyOpen
	}
	if l.ch == nil {
		l.ch = make(chan struct{})
	}
	return l.ch
}
