// Package inherit closes, in a forked child, the descriptors that this library has opened
// in the parent. Package fds notes them; inherit.c holds the tables and closes, for a child
// cannot run Go. Only the C interface needs it: a Go program does not fork without exec.
package inherit

/*
#cgo CFLAGS: -fvisibility=hidden -Wall -Wextra
#include <stdint.h>
*/
import "C"

import (
	"sync/atomic"
	"unsafe"

	"github.com/hermes-zmq/hermes/internal/fds"
)

// hermesgo_share begins to note descriptors in these tables. C calls it once, as the
// library starts.
//
//export hermesgo_share
func hermesgo_share(owned, pollers *C.uint64_t, length C.int32_t) {
	table := func(p *C.uint64_t) []atomic.Uint64 {
		return unsafe.Slice((*atomic.Uint64)(unsafe.Pointer(p)), int(length))
	}
	fds.StartTracking(table(owned), table(pollers))
}
