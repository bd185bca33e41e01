package fast

/*
#include "prefetch.h"

#cgo noescape fast_prefetch_fill
#cgo nocallback fast_prefetch_fill
#cgo noescape fast_prefetch_taken
#cgo nocallback fast_prefetch_taken
#cgo noescape fast_prefetch_clear
#cgo nocallback fast_prefetch_clear
*/
import "C"

import (
	"unsafe"

	"github.com/hermes-zmq/hermes/internal/handle"
	"github.com/hermes-zmq/hermes/internal/recvqueue"
)

// Buffer is the prefetch buffer of one receiver (prefetch.c). It implements
// recvqueue.Prefetcher, whose caller locks.
type Buffer struct {
	receiver C.uint64_t
	pack     func(*recvqueue.Taken) unsafe.Pointer
}

// NewBuffer makes the prefetch buffer of a new receiver; nil if there is none, for the
// piece is switched off or memory is short. pack copies envelopes into an allocation of
// C; nil: there is no memory.
func NewBuffer(h handle.Handle, pack func(*recvqueue.Taken) unsafe.Pointer) *Buffer {
	if !On(Prefetch) || C.fast_prefetch_new(C.uint64_t(h)) == 0 {
		return nil
	}
	return &Buffer{C.uint64_t(h), pack}
}

// Fill puts copies of envelopes into the buffer, which is empty. False: it cannot.
func (b *Buffer) Fill(d *recvqueue.Taken) bool {
	batch := b.pack(d)
	if batch == nil {
		return false
	}
	C.fast_prefetch_fill(b.receiver, batch, C.uint64_t(d.Len()))
	return true
}

// Taken tells how many of those have been taken.
func (b *Buffer) Taken() int { return int(C.fast_prefetch_taken(b.receiver)) }

// Clear empties the buffer, and tells the same for the last time.
func (b *Buffer) Clear() int { return int(C.fast_prefetch_clear(b.receiver)) }

// Drop ends the use of the buffer.
func (b *Buffer) Drop() { C.fast_prefetch_free(b.receiver) }
