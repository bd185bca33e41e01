package main

/*
#include "exports.h"

#cgo noescape capi_set_error
#cgo nocallback capi_set_error
*/
import "C"

import (
	"fmt"
	"runtime/debug"
	"time"
	"unsafe"

	"github.com/hermes-zmq/hermes/core"
)

// The codes of hermes.h that this package returns by itself. All others come with the errors
// of core.
const (
	ok          = C.int32_t(core.OK)
	invalid     = C.int32_t(core.EINVAL)
	badHandle   = C.int32_t(core.EBADHANDLE)
	badText     = C.int32_t(core.EUTF8)
	noMemory    = C.int32_t(core.ENOMEM)
	tooSmall    = C.int32_t(core.ERANGE)
	unsupported = C.int32_t(core.ENOTSUP)
	internal    = C.int32_t(core.EINTERNAL)
)

// call is one call from C while it is in Go. Every export begins with
//
//	c := call{name: "hermes_..."}
//	defer c.leave(&code)
//
// so that no panic reaches the host program, and every object that was entered is released.
type call struct {
	name  string
	entry *entry
}

// leave ends the call: it turns a panic into HERMES_EINTERNAL, and releases the object.
func (c *call) leave(code *C.int32_t) {
	if fault := recover(); fault != nil {
		*code = c.contain(fault)
	}
	if c.entry != nil {
		c.entry.Release()
	}
}

// contain fails the object whose call has panicked.
func (c *call) contain(fault any) C.int32_t {
	if c.entry != nil {
		c.component().Fail(fmt.Errorf("panic in %s: %v\n%s", c.name, fault, debug.Stack()))
	}
	return c.refuse(internal, "panic: %v", fault)
}

// contained runs f, on a goroutine that the caller has started; a panic of f fails the object.
func contained(fail func(error), f func()) {
	defer func() {
		if fault := recover(); fault != nil {
			fail(fmt.Errorf("panic: %v\n%s", fault, debug.Stack()))
		}
	}()
	f()
}

// done returns the code of an error, and sets its text for hermes_last_error.
func (c *call) done(err error) C.int32_t {
	if err == nil {
		return ok
	}
	c.say(err.Error())
	return C.int32_t(core.CodeOf(err))
}

// refuse sets a text for hermes_last_error, and returns the code.
func (c *call) refuse(code C.int32_t, format string, arguments ...any) C.int32_t {
	c.say(fmt.Sprintf(format, arguments...))
	return code
}

func (c *call) say(text string) {
	text = c.name + ": " + text
	C.capi_set_error((*C.hermes_text)(unsafe.Pointer(unsafe.StringData(text))), C.size_t(len(text)))
}

// wait converts a timeout; a negative one has no end, in core as in C.
func wait(ms C.int32_t) time.Duration { return time.Duration(ms) * time.Millisecond }
