package fast

/*
#cgo CFLAGS: -I${SRCDIR}/../../internal/fds/inherit
#include "stackbounds.h"
*/
import "C"

import _ "github.com/hermes-zmq/hermes/internal/fds/inherit" // its C code is linked to waiter_linux.c

// absent are the pieces that this system has not.
var absent []string

func init() {
	if !On(StackBounds) {
		C.fast_stack_bounds_kept = 0
	}
}
