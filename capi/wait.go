package main

// #include "exports.h"
import "C"

import (
	"sync/atomic"
	"unsafe"

	"github.com/hermes-zmq/hermes/capi/fast"
	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/internal/handle"
)

// waker is what a receiver wakes when there may be something to take: the threads of C that
// wait for it, and the host's end of a pipe.
type waker struct {
	*fast.Waiter
	pipe atomic.Pointer[pipe]
}

// Wake implements core.Waker.
func (w *waker) Wake() {
	w.Waiter.Wake()
	if p := w.pipe.Load(); p != nil {
		p.wake()
	}
}

func wakerOf(r *core.Receiver) *waker { return r.Waker().(*waker) }

// take takes what is there. If nothing is, and C may wait, it says fast.Pause.
func (c *call) take(r *core.Receiver, most int, w *fast.Wait) (*core.Delivery, C.int32_t) {
	look(r, w)
	d, err := r.Take(most, 0)
	return d, c.found(r, err, w)
}

// takeOne is take for one envelope, which it may leave in the prefetch buffer: then it
// returns nil, and fast.Again.
func (c *call) takeOne(r *core.Receiver, w *fast.Wait) (*core.Delivery, C.int32_t) {
	look(r, w)
	d, err := r.TakeOrLay()
	if d == nil && err == nil {
		w.End(r, true)
		return nil, C.int32_t(fast.Again)
	}
	return d, c.found(r, err, w)
}

// look begins a look for envelopes: what comes after it wakes C and the host.
func look(r *core.Receiver, w *fast.Wait) {
	on := wakerOf(r)
	if p := on.pipe.Load(); p != nil {
		p.armed.Store(true)
	}
	w.Look(on.Waiter)
}

// found is the code for what a look has found.
func (c *call) found(r *core.Receiver, err error, w *fast.Wait) C.int32_t {
	timedOut := core.CodeOf(err) == core.ETIMEOUT
	if timedOut && w.MayPause() {
		return C.int32_t(w.Pause(wakerOf(r).Waiter, r))
	}
	w.End(r, err == nil)
	if timedOut && w.Paused() {
		err = r.TimedOut()
	}
	return c.done(err)
}

func waitOf(w *C.struct_fast_wait) *fast.Wait { return (*fast.Wait)(unsafe.Pointer(w)) }

// hermesgo_end_lease ends the reader lease of a call that does not come to its receiver
// again, because the node by which it did was closed meanwhile, say. If the receiver itself
// is closed, that has ended the lease.
//
//export hermesgo_end_lease
func hermesgo_end_lease(receiver C.uint64_t) {
	defer func() { _ = recover() }()
	if e := registry.Get(handle.Handle(receiver)); e != nil {
		defer e.Release()
		receiverOf(e.Object().Component).Return(false)
	}
}
