package main

/*
#include "pocket.h"

#cgo noescape shim_pocket_turn
#cgo nocallback shim_pocket_turn
#cgo noescape shim_pocket_set
#cgo nocallback shim_pocket_set
*/
import "C"

import (
	"unsafe"

	"github.com/hermes-zmq/hermes/capi/internal/handle"
	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/internal/sendqueue"
)

// pocket is where envelopes of a publisher gather on the C side (pocket.c).
type pocket struct {
	shared    *C.struct_shim_pocket
	allowance C.struct_shim_allowance // kept here, so that a turn allocates nothing
	gathered  C.struct_shim_gathered
}

// sewPocket gives a new publisher a pocket, if there is one to be had.
func sewPocket(h handle.Handle, p *core.Publisher) {
	if !shortcuts {
		return
	}
	if shared := C.shim_pocket_new(C.uint64_t(h)); shared != nil {
		p.SetStager(&pocket{shared: shared})
	}
}

// Open implements sendqueue.Stager.
func (p *pocket) Open(origin, last []byte) bool {
	return C.shim_pocket_set(p.shared, bytesOf(origin), C.size_t(len(origin)), bytesOf(last), C.size_t(len(last))) != 0
}

// Collect implements sendqueue.Stager.
func (p *pocket) Collect(a sendqueue.Allowance) (messages []byte, ends []uint32) {
	p.allowance = C.struct_shim_allowance{messages: C.uint64_t(a.Messages), bytes: C.uint64_t(a.Bytes), each: C.uint64_t(a.Each)}
	C.shim_pocket_turn(p.shared, &p.allowance, &p.gathered)
	return unsafe.Slice((*byte)(p.gathered.messages), p.gathered.size), unsafe.Slice((*uint32)(p.gathered.ends), p.gathered.count)
}

// Close implements sendqueue.Stager.
func (p *pocket) Close() { C.shim_pocket_drop(p.shared) }

func bytesOf(b []byte) *C.uint8_t { return (*C.uint8_t)(unsafe.Pointer(unsafe.SliceData(b))) }
