package main

/*
#include "shim.h"

#cgo noescape shim_bell_new
#cgo nocallback shim_bell_new
#cgo noescape shim_bell_hold
#cgo nocallback shim_bell_hold
#cgo noescape shim_bell_release
#cgo nocallback shim_bell_release
#cgo noescape shim_bell_wake
#cgo nocallback shim_bell_wake
#cgo noescape shim_bell_door
#cgo nocallback shim_bell_door
#cgo noescape shim_bell_shut
#cgo nocallback shim_bell_shut
*/
import "C"

import (
	"runtime"
	"sync"
	"sync/atomic"
	"weak"

	"github.com/hermes-zmq/hermes/core"
)

// paused tells C to wait, and to call again.
const paused = C.int32_t(C.SHIM_PAUSE)

// bell is what a receiver rings for the threads of C that wait for it (bell.c).
type bell struct {
	shared *C.struct_shim_bell
	pipe   atomic.Pointer[pipe] // of a host that reads what it waits for; see hermes_pipe
}

// receivers are those of all bells, by what C knows of these.
var receivers sync.Map // of weak.Pointer[core.Receiver]

// hangBell gives a new receiver its bell.
func (c *call) hangBell(r *core.Receiver) C.int32_t {
	shared := C.shim_bell_new()
	if shared == nil {
		return c.refuse(noMemory, "no memory for a receiver")
	}
	b := &bell{shared: shared}
	receivers.Store(shared, weak.Make(r))
	runtime.AddCleanup(b, dropBell, shared)
	r.SetWaker(b)
	return ok
}

func dropBell(shared *C.struct_shim_bell) {
	receivers.Delete(shared)
	C.shim_bell_release(shared)
}

// Wake implements core.Waker.
func (b *bell) Wake() {
	atomic.AddUint32((*uint32)(&b.shared.rung), 1)
	if atomic.LoadUint32((*uint32)(&b.shared.waiting)) > 0 || atomic.LoadUint32((*uint32)(&b.shared.polling)) > 0 {
		C.shim_bell_wake(b.shared)
	}
	if p := b.pipe.Load(); p != nil {
		p.wake()
	}
}

// Rest implements core.Waker.
func (b *bell) Rest() { C.shim_bell_shut(b.shared) }

// take takes what is there. Where nothing is, and C may wait, it says paused.
func (c *call) take(r *core.Receiver, most int, w *C.struct_shim_wait) (*core.Delivery, C.int32_t) {
	b := listen(r, w)
	d, err := r.Take(most, 0)
	return d, c.found(r, err, w, b)
}

// takeOne is take for one envelope, which it may leave on the tray: nil, and onTray.
func (c *call) takeOne(r *core.Receiver, w *C.struct_shim_wait) (*core.Delivery, C.int32_t) {
	b := listen(r, w)
	d, err := r.TakeOrLay()
	if d == nil && err == nil {
		giveBack(r, w, true)
		return nil, onTray
	}
	return d, c.found(r, err, w, b)
}

// listen begins to listen to the bell, before a look at what there is.
func listen(r *core.Receiver, w *C.struct_shim_wait) (b *bell) {
	b = r.Waker().(*bell)
	if p := b.pipe.Load(); p != nil {
		p.armed.Store(true)
	}
	if w.may_pause == 0 {
		return nil
	}
	w.seen = C.uint32_t(atomic.LoadUint32((*uint32)(&b.shared.rung)))
	return b
}

// found is the code for what a look has found.
func (c *call) found(r *core.Receiver, err error, w *C.struct_shim_wait, b *bell) C.int32_t {
	if b == nil || core.CodeOf(err) != core.ETIMEOUT {
		giveBack(r, w, err == nil)
		if w.paused != 0 && core.CodeOf(err) == core.ETIMEOUT {
			err = r.TimedOut()
		}
		return c.done(err)
	}
	if w.bell == nil {
		C.shim_bell_hold(b.shared)
		w.bell = b.shared
	}
	borrow(r, w, b)
	return paused
}

// borrow lets C wait for the connection, if it may.
func borrow(r *core.Receiver, w *C.struct_shim_wait, b *bell) {
	fd, lent := r.Borrow(w.fd >= 0)
	w.fd = -1
	switch {
	case !lent:
	case C.shim_bell_door(b.shared) == 0:
		r.Return(false)
	default:
		w.fd = C.int32_t(fd)
	}
}

// giveBack ends a wait for the connection.
func giveBack(r *core.Receiver, w *C.struct_shim_wait, taken bool) {
	if w.fd >= 0 {
		w.fd = -1
		r.Return(taken)
	}
}

// hermesgo_give_back is giveBack for a call that has not come to its receiver again: the node
// by which it did was closed meanwhile, say.
//
//export hermesgo_give_back
func hermesgo_give_back(shared *C.struct_shim_bell) {
	defer func() { _ = recover() }()
	if known, ok := receivers.Load(shared); ok {
		if r := known.(weak.Pointer[core.Receiver]).Value(); r != nil {
			r.Return(false)
		}
	}
}
