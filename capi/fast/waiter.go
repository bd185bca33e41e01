package fast

/*
#include "waiter.h"

#cgo noescape fast_waiter_new
#cgo nocallback fast_waiter_new
#cgo noescape fast_waiter_release
#cgo nocallback fast_waiter_release
#cgo noescape fast_waiter_poke
#cgo nocallback fast_waiter_poke
#cgo noescape fast_waiter_close_fd
#cgo nocallback fast_waiter_close_fd
*/
import "C"

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hermes-zmq/hermes/internal/embed"
	"github.com/hermes-zmq/hermes/internal/handle"
)

var waitsInC, leases = On(Waiting), On(Lease)

// Waiter is where threads of C wait for the envelopes of one receiver (waiter.c).
type Waiter struct {
	shared   *C.struct_fast_waiter
	receiver atomic.Uint64 // its handle

	// Where threads wait in Go, for waiting in C is switched off.
	mu    sync.Mutex
	woken chan struct{} // closed by the next wake; nil: no thread waits
}

// NewWaiter makes the waiter of a new receiver; nil if memory is short.
func NewWaiter() *Waiter {
	shared := C.fast_waiter_new()
	if shared == nil {
		return nil
	}
	w := &Waiter{shared: shared}
	runtime.AddCleanup(w, func(shared *C.struct_fast_waiter) { C.fast_waiter_release(shared) }, shared)
	return w
}

// Belongs says whose waiter it is.
func (w *Waiter) Belongs(receiver handle.Handle) { w.receiver.Store(uint64(receiver)) }

// Wake wakes all threads that wait.
func (w *Waiter) Wake() {
	atomic.AddUint32((*uint32)(&w.shared.wakes), 1)
	if atomic.LoadUint32((*uint32)(&w.shared.sleepers)) > 0 {
		wakeFutex((*uint32)(&w.shared.wakes))
	}
	if atomic.LoadUint32((*uint32)(&w.shared.polling)) > 0 {
		C.fast_waiter_poke(w.shared)
	}
	if !waitsInC {
		w.wakeInGo()
	}
}

// wakeInGo wakes the threads that wait in Go.
func (w *Waiter) wakeInGo() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.woken != nil {
		close(w.woken)
		w.woken = nil
	}
}

// Stopped implements embed.Waker: what was opened for waiting is closed.
func (w *Waiter) Stopped() { C.fast_waiter_close_fd(w.shared) }

// Wait is one call of C that may wait: struct fast_wait.
type Wait C.struct_fast_wait

// Look begins a look for envelopes.
func (c *Wait) Look(w *Waiter) {
	c.seen = C.uint32_t(atomic.LoadUint32((*uint32)(&w.shared.wakes)))
}

// MayPause reports whether the call may wait if it finds nothing.
func (c *Wait) MayPause() bool { return c.may_pause != 0 }

// Paused reports whether the call has waited before.
func (c *Wait) Paused() bool { return c.paused != 0 }

// Pause prepares the call for waiting in C, for the connection too if it may have the
// reader lease. It reports false if C is to look again: the call has waited here, or may wait
// in the handoff.
func (c *Wait) Pause(w *Waiter, r *embed.Receiver) bool {
	if !waitsInC {
		c.waitInGo(w)
		return false
	}
	if c.waiter == nil {
		atomic.AddUint32((*uint32)(&w.shared.holders), 1)
		c.waiter, c.receiver = w.shared, C.uint64_t(w.receiver.Load())
	}
	if c.fd < 0 && c.no_handoff == 0 && r.ExpectHandoff(false) {
		c.no_handoff = 1 // once: it may be another thread that waits there
		return false
	}
	if !leases {
		return true
	}
	fd, leased := r.AcquireLease(c.fd >= 0)
	c.fd = -1
	switch {
	case !leased:
	case !w.openFD():
		r.Lease.Release(false)
	default:
		c.fd = C.int32_t(fd)
	}
	return true
}

// End ends the waiting of a call, which has taken something or has not. After a long wait the
// next one is likely to be long as well, and to be a handoff, for which the connection is read
// by its goroutine.
func (c *Wait) End(r *embed.Receiver, taken bool) {
	quiet := c.was_long != 0 && r.HandsOff()
	if c.fd >= 0 {
		c.fd = -1
		r.Lease.Release(taken && !quiet)
	}
	if taken {
		r.ExpectHandoff(quiet)
	}
}

// waitInGo waits here for what fast_wait_pause waits for in C.
func (c *Wait) waitInGo(w *Waiter) {
	w.mu.Lock()
	if w.woken == nil {
		w.woken = make(chan struct{})
	}
	woken := w.woken
	w.mu.Unlock()
	if atomic.LoadUint32((*uint32)(&w.shared.wakes)) != uint32(c.seen) {
		return
	}
	var end <-chan time.Time
	if c.timeout_ms > 0 {
		if c.paused == 0 {
			c.until = C.int64_t(now() + time.Duration(c.timeout_ms)*time.Millisecond)
		}
		left := time.Duration(c.until) - now()
		if left <= 0 {
			c.may_pause = 0
		}
		timer := time.NewTimer(left)
		defer timer.Stop()
		end = timer.C
	}
	c.paused = 1
	select {
	case <-woken:
	case <-end:
		c.may_pause = 0
	}
}

var epoch = time.Now()

// now is the time on a clock that is not set.
func now() time.Duration { return time.Since(epoch) }
