package main

/*
#include "exports.h"

#cgo noescape capi_set_error
#cgo nocallback capi_set_error
*/
import "C"

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"
	"unsafe"

	"github.com/hermes-zmq/hermes/internal/errs"
	"github.com/hermes-zmq/hermes/internal/handle"
)

// A look for envelopes ends with one of these if C is to look again: after a wait, or at once.
var (
	errPause = errors.New("wait, and call again")
	errAgain = errors.New("call again")
)

// call is one call from C while it is in Go.
type call struct {
	name  string
	entry *entry // of the object; nil: it is about none
}

// do makes a call about no object. It returns the code of the error, and sets its text for
// hermes_last_error. No panic reaches the host program. wrong is what is wrong with the
// arguments, or nil; with it f is not called.
func do(name string, wrong error, f func(call) error) (code C.int32_t) {
	c := call{name: name}
	defer c.leave(&code)
	if wrong != nil {
		return c.done(wrong)
	}
	probe(name)
	return c.done(f(c))
}

// on makes a call about an object of a kind, as do does, and holds the object meanwhile.
func on(name string, h C.uint64_t, want handle.Kind, wrong error, f func(call) error) (code C.int32_t) {
	c := call{name: name}
	defer c.leave(&code)
	if wrong != nil {
		return c.done(wrong)
	}
	if c.entry, wrong = find(handle.Handle(h), want); wrong != nil {
		return c.done(wrong)
	}
	probe(name)
	return c.done(f(c))
}

// leave ends the call: it turns a panic into HERMES_EINTERNAL, and releases the object.
func (c *call) leave(code *C.int32_t) {
	if fault := recover(); fault != nil {
		if c.entry != nil {
			c.component().Fail(fmt.Errorf("panic in %s: %v\n%s", c.name, fault, debug.Stack()))
		}
		*code = c.done(errs.Errorf(errs.EINTERNAL, "panic: %v", fault))
	}
	if c.entry != nil {
		c.entry.Release()
	}
}

// done returns the code of an error, and sets its text.
func (c *call) done(err error) C.int32_t {
	switch err {
	case nil:
		return C.HERMES_OK
	case errPause:
		return C.FAST_PAUSE
	case errAgain:
		return C.FAST_AGAIN
	}
	text := c.name + ": " + err.Error()
	C.capi_set_error((*C.hermes_text)(unsafe.Pointer(unsafe.StringData(text))), C.size_t(len(text)))
	return C.int32_t(errs.CodeOf(err))
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

// wait converts a timeout; a negative one has no end, in core as in C.
func wait(ms C.int32_t) time.Duration { return time.Duration(ms) * time.Millisecond }
