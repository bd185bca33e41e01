package fast

/*
#include "handoff.h"
*/
import "C"

import (
	"sync/atomic"
	"unsafe"

	"github.com/hermes-zmq/hermes/internal/handle"
	"github.com/hermes-zmq/hermes/internal/recvqueue"
)

// Handoff gives envelopes of one receiver to a thread of C that waits for one (handoff.c). It
// implements recvqueue.Handoff, whose caller locks; so there are no calls into C here, but at
// its beginning and at its end.
type Handoff struct {
	receiver C.uint64_t
	shared   *C.struct_fast_handoff
	pack     func(*recvqueue.Taken, []byte) int
}

// NewHandoff makes the handoff of a new receiver; nil if there is none, for the piece is
// switched off or memory is short. pack writes an envelope to a room, and returns its size, or
// 0 if there is not enough room.
func NewHandoff(h handle.Handle, pack func(*recvqueue.Taken, []byte) int) *Handoff {
	if !On(Quiet) || !waitsInC {
		return nil
	}
	shared := C.fast_handoff_new(C.uint64_t(h))
	if shared == nil {
		return nil
	}
	return &Handoff{C.uint64_t(h), shared, pack}
}

// Waits reports whether a thread waits for an envelope.
func (h *Handoff) Waits() bool {
	return atomic.LoadUint32((*uint32)(&h.shared.state))%C.FAST_HANDOFF_STEPS == C.FAST_HANDOFF_WAITING
}

// Hand gives the envelope to the thread that waits; last says that the queue is empty then.
// False: it cannot, because the thread has given up, or for the size of the envelope.
func (h *Handoff) Hand(t *recvqueue.Taken, last bool) bool {
	const step = C.FAST_HANDOFF_WRITING - C.FAST_HANDOFF_WAITING
	state, wakes := (*uint32)(&h.shared.state), (*uint32)(&h.shared.wakes)
	waiting := atomic.LoadUint32(state)
	if waiting%C.FAST_HANDOFF_STEPS != C.FAST_HANDOFF_WAITING || !atomic.CompareAndSwapUint32(state, waiting, waiting+step) {
		return false
	}
	size := 0
	defer func() { // even if pack panics: the thread waits for it
		next := waiting - C.FAST_HANDOFF_WAITING + C.FAST_HANDOFF_FULL
		if size == 0 {
			next = waiting - C.FAST_HANDOFF_WAITING + C.FAST_HANDOFF_FREE // the thread asks Go
		}
		h.shared.size = C.uint32_t(size)
		if size > 0 && last {
			atomic.StoreUint32((*uint32)(&h.shared.empty), atomic.LoadUint32(wakes)+2)
		}
		atomic.StoreUint32(state, next)
		atomic.AddUint32(wakes, 1)
		wakeFutex(wakes)
	}()
	size = h.pack(t, unsafe.Slice((*byte)(unsafe.Pointer(&h.shared.room)), C.FAST_HANDOFF_ROOM))
	return size > 0
}

// Wake implements recvqueue.Handoff.
func (h *Handoff) Wake() {
	wakes := (*uint32)(&h.shared.wakes)
	atomic.AddUint32(wakes, 1)
	if h.Waits() { // one that has been given an envelope is awake
		wakeFutex(wakes)
	}
}

// Quiet implements recvqueue.Handoff.
func (h *Handoff) Quiet() bool { return atomic.LoadUint32((*uint32)(&h.shared.quiet)) != 0 }

// Empty implements recvqueue.Handoff.
func (h *Handoff) Empty(long bool) {
	if long {
		atomic.StoreUint32((*uint32)(&h.shared.quiet), C.FAST_HANDOFF_QUIET)
	}
	atomic.StoreUint32((*uint32)(&h.shared.empty), atomic.LoadUint32((*uint32)(&h.shared.wakes))+1)
}

// Drop ends the use of the handoff.
func (h *Handoff) Drop() { C.fast_handoff_free(h.receiver) }
