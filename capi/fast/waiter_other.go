//go:build !linux

package fast

/*
#include "waiter.h"

#cgo noescape fast_wake
#cgo nocallback fast_wake
*/
import "C"

import "unsafe"

// wakeFutex wakes all threads that sleep on a futex.
func wakeFutex(futex *uint32) { C.fast_wake((*C.uint32_t)(unsafe.Pointer(futex))) }

// openFD makes no wake fd: there is no lease here that would need one.
func (w *Waiter) openFD() bool { return false }
