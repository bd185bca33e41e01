package main

// #include "exports.h"
import "C"

import (
	"sync/atomic"
	"unsafe"

	"github.com/hermes-zmq/hermes/capi/fast"
	"github.com/hermes-zmq/hermes/internal/embed"
	"github.com/hermes-zmq/hermes/internal/handle"
	"github.com/hermes-zmq/hermes/internal/recvqueue"
)

// waker is what a receiver wakes when there may be something to take: the threads of C that
// wait for it, and the host's end of a pipe.
type waker struct {
	*fast.Waiter
	pipe atomic.Pointer[pipe]
}

// Wake implements embed.Waker.
func (w *waker) Wake() {
	w.Waiter.Wake()
	if p := w.pipe.Load(); p != nil {
		p.wake()
	}
}

func wakerOf(r *embed.Receiver) *waker { return r.Waker().(*waker) }

// take takes what is there. If nothing is, and C may wait, the error is errPause.
func take(r *embed.Receiver, most int, w *fast.Wait) (*recvqueue.Taken, error) {
	look(r, w)
	t, outcome := r.Take(most)
	return t, found(r, outcome, w)
}

// takeOne is take for one envelope, which it may leave in the prefetch buffer: then the error
// is errAgain.
func takeOne(r *embed.Receiver, w *fast.Wait) (*recvqueue.Taken, error) {
	look(r, w)
	t, outcome := r.TakeOrPrefetch()
	if t == nil && outcome == recvqueue.Took {
		w.End(r, true)
		return nil, errAgain
	}
	return t, found(r, outcome, w)
}

// look begins a look for envelopes: what comes after it wakes C and the host.
func look(r *embed.Receiver, w *fast.Wait) {
	on := wakerOf(r)
	if p := on.pipe.Load(); p != nil {
		p.armed.Store(true)
	}
	w.Look(on.Waiter)
}

// found is the error of a look, or nil if it has found something.
func found(r *embed.Receiver, o recvqueue.Outcome, w *fast.Wait) error {
	if o == recvqueue.TimedOut && w.MayPause() {
		if w.Pause(wakerOf(r).Waiter, r) {
			return errPause
		}
		return errAgain
	}
	w.End(r, o == recvqueue.Took)
	if o == recvqueue.Took {
		return nil
	}
	return r.Error(o, w.Paused())
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
		embed.ReceiverOf(receiverOf(e.Object().Component)).Lease.Release(false)
	}
}
