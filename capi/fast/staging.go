package fast

/*
#include "staging.h"

#cgo noescape fast_stager_swap
#cgo nocallback fast_stager_swap
#cgo noescape fast_stager_set
#cgo nocallback fast_stager_set
#cgo noescape fast_stager_forget_fd
#cgo nocallback fast_stager_forget_fd
*/
import "C"

import (
	"sync/atomic"
	"unsafe"

	"github.com/hermes-zmq/hermes/internal/handle"
	"github.com/hermes-zmq/hermes/internal/sendqueue"
)

// Stager is the staging buffer of one publisher (staging.c). It implements
// sendqueue.Stager, whose caller locks.
type Stager struct {
	publisher C.uint64_t
	flags     C.int
	quiet     *C.struct_fast_quiet
	copied    bool                    // the caller of the last Collect has copied that message
	end       [1]uint32               // of it
	allowed   sendqueue.Allowance     // of the last swap
	allowance C.struct_fast_allowance // a field, so that a swap allocates nothing
	staged    C.struct_fast_staged
}

// NewStager makes the staging buffer of a new publisher; nil if there is none, for the
// piece is switched off or memory is short.
func NewStager(h handle.Handle) *Stager {
	if !On(Staging) || C.fast_stager_new(C.uint64_t(h)) == 0 {
		return nil
	}
	s := &Stager{publisher: C.uint64_t(h), quiet: C.fast_stager_quiet(C.uint64_t(h))}
	if On(Templates) {
		s.flags |= C.FAST_TEMPLATES
	}
	if On(Rows) {
		s.flags |= C.FAST_ROWS
	}
	return s
}

// Open sets how messages are written: origin is the origin of envelopes without one of their
// own, last the last frame of each message, header included, wakeFD the eventfd that wakes Go,
// or -1. It returns false if the buffer cannot be used.
func (s *Stager) Open(origin, last []byte, wakeFD int) bool {
	if !On(Quiet) {
		wakeFD = -1
	}
	s.allowed, s.copied = sendqueue.Allowance{}, false
	return C.fast_stager_set(s.publisher, bytesOf(origin), C.size_t(len(origin)), bytesOf(last), C.size_t(len(last)), C.int(wakeFD), s.flags) != 0
}

// Wakes implements sendqueue.Stager.
func (s *Stager) Wakes() bool { return On(Quiet) }

// Collect takes the messages that have been staged, and the offset at which each ends. They
// are valid until the next Collect. It sets what may be staged until then.
func (s *Stager) Collect(a sendqueue.Allowance) (messages []byte, ends []uint32) {
	if s.copied {
		s.copied = false
		atomic.StoreUint32((*uint32)(&s.quiet.staged), 0)
	}
	if a.Wakes && a == s.allowed { // a call is not needed
		if atomic.LoadUint32((*uint32)(&s.quiet.staged)) == 0 {
			return nil, nil
		}
		s.copied = true
		s.end[0] = uint32(s.quiet.size)
		return unsafe.Slice((*byte)(s.quiet.message), s.quiet.size), s.end[:]
	}
	s.allowed = a
	s.allowance = C.struct_fast_allowance{messages: C.uint64_t(a.Messages), bytes: C.uint64_t(a.Bytes), each: C.uint64_t(a.Each)}
	if a.Wakes {
		s.allowance.wakes = 1
	}
	C.fast_stager_swap(s.publisher, &s.allowance, &s.staged)
	return unsafe.Slice((*byte)(s.staged.messages), s.staged.size), unsafe.Slice((*uint32)(s.staged.ends), s.staged.count)
}

// ForgetFD makes C forget the eventfd, and reports whether no thread uses it any more.
func (s *Stager) ForgetFD() bool { return C.fast_stager_forget_fd(s.publisher) != 0 }

// Close ends the use of the buffer.
func (s *Stager) Close() { C.fast_stager_free(s.publisher) }

func bytesOf(b []byte) *C.uint8_t { return (*C.uint8_t)(unsafe.Pointer(unsafe.SliceData(b))) }
