package core

import (
	"sync"
	"time"
)

// gate is a condition that goroutines wait for: open or closed, and it may change
// its mind. The zero value is closed.
type gate struct {
	mu   sync.Mutex
	open bool
	ch   chan struct{} // closed when the gate opens; made on demand
}

func (g *gate) set(open bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open == open {
		return
	}
	g.open = open
	if open && g.ch != nil {
		close(g.ch)
		g.ch = nil
	}
}

func (g *gate) isOpen() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.open
}

// poke wakes whoever waits, without opening: they look again at what they wait for.
func (g *gate) poke() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.open && g.ch != nil {
		close(g.ch)
		g.ch = nil
	}
}

var alreadyOpen = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// opened gives a channel that is closed once the gate is open.
func (g *gate) opened() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open {
		return alreadyOpen
	}
	if g.ch == nil {
		g.ch = make(chan struct{})
	}
	return g.ch
}

// deadline is a point in time that may be never. Timers are pooled: a blocking
// call in a loop must not feed the garbage collector.
type deadline struct {
	c     <-chan time.Time // nil: never
	timer *time.Timer
}

var timers = sync.Pool{New: func() any {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}}

// after starts a deadline; negative is never. The caller must stop it.
func after(d time.Duration) deadline {
	if d < 0 {
		return deadline{}
	}
	t := timers.Get().(*time.Timer)
	t.Reset(d)
	return deadline{c: t.C, timer: t}
}

func (d deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
		timers.Put(d.timer)
	}
}
