package main

// #include "shim.h"
import "C"

import (
	"sync/atomic"
	"unsafe"

	"github.com/hermes-zmq/hermes/internal/fds"
)

// hermesgo_share is called once, when the library starts: it says where descriptors are
// noted that a forked child closes.
//
//export hermesgo_share
func hermesgo_share(owned, pollers *C.uint64_t, length C.int32_t) {
	table := func(p *C.uint64_t) []atomic.Uint64 {
		return unsafe.Slice((*atomic.Uint64)(unsafe.Pointer(p)), int(length))
	}
	fds.StartTracking(table(owned), table(pollers))
}
