package fast

/*
#include "staging.h"

#cgo noescape fast_stager_swap
#cgo nocallback fast_stager_swap
#cgo noescape fast_stager_set
#cgo nocallback fast_stager_set
*/
import "C"

import (
	"unsafe"

	"github.com/hermes-zmq/hermes/internal/handle"
	"github.com/hermes-zmq/hermes/internal/sendqueue"
)

// Stager is the staging buffer of one publisher (staging.c). It implements
// sendqueue.Stager, whose caller locks.
type Stager struct {
	publisher C.uint64_t
	flags     C.int
	allowance C.struct_fast_allowance // a field, so that a swap allocates nothing
	staged    C.struct_fast_staged
}

// NewStager makes the staging buffer of a new publisher; nil if there is none, for the
// piece is switched off or memory is short.
func NewStager(h handle.Handle) *Stager {
	if !On(Staging) || C.fast_stager_new(C.uint64_t(h)) == 0 {
		return nil
	}
	s := &Stager{publisher: C.uint64_t(h)}
	if On(Templates) {
		s.flags |= C.FAST_TEMPLATES
	}
	if On(Rows) {
		s.flags |= C.FAST_ROWS
	}
	return s
}

// Open sets how messages are written: origin is the origin of envelopes without one of their
// own, last the last frame of each message, header included. It returns false if the buffer
// cannot be used.
func (s *Stager) Open(origin, last []byte) bool {
	return C.fast_stager_set(s.publisher, bytesOf(origin), C.size_t(len(origin)), bytesOf(last), C.size_t(len(last)), s.flags) != 0
}

// Collect takes the messages that have been staged, and the offset at which each ends. They
// are valid until the next Collect. It sets what may be staged until then.
func (s *Stager) Collect(a sendqueue.Allowance) (messages []byte, ends []uint32) {
	s.allowance = C.struct_fast_allowance{messages: C.uint64_t(a.Messages), bytes: C.uint64_t(a.Bytes), each: C.uint64_t(a.Each)}
	C.fast_stager_swap(s.publisher, &s.allowance, &s.staged)
	return unsafe.Slice((*byte)(s.staged.messages), s.staged.size), unsafe.Slice((*uint32)(s.staged.ends), s.staged.count)
}

// Close ends the use of the buffer.
func (s *Stager) Close() { C.fast_stager_free(s.publisher) }

func bytesOf(b []byte) *C.uint8_t { return (*C.uint8_t)(unsafe.Pointer(unsafe.SliceData(b))) }
