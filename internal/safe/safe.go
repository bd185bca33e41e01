// Package safe starts goroutines whose panics do not end the host program.
//
// Every goroutine of this library is started by Go, or runs its work in Do: a panic is
// recovered, and its value and stack are given to a function that ends the object concerned
// with an error. Deferred calls of the work have run by then, so its locks and files are
// released. What it guarded may be inconsistent: fail must not use it, only end it. There are
// no locks here, and all functions are safe for concurrent use.
package safe

import (
	"fmt"
	"runtime/debug"
)

// PanicError reports a recovered panic.
type PanicError struct {
	Value any    // what panic was called with
	Stack []byte // of the goroutine that panicked
}

func (e *PanicError) Error() string {
	return fmt.Sprintf("panic: %v\n%s", e.Value, e.Stack)
}

// Unwrap is the panic value where that is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// Go runs f in a new goroutine. A panic in f is recovered, and fail is called with a
// *PanicError, in that goroutine; deferred calls of f have run by then. fail may be nil. A
// panic in fail itself is recovered too, and lost.
func Go(fail func(error), f func()) {
	go Do(fail, f)
}

// Do is Go without the goroutine: it returns when f, and fail if f has panicked, have ended.
func Do(fail func(error), f func()) {
	defer func() {
		if v := recover(); v != nil {
			report(fail, &PanicError{Value: v, Stack: debug.Stack()})
		}
	}()
	f()
}

func report(fail func(error), err error) {
	defer func() { _ = recover() }()
	if fail != nil {
		fail(err)
	}
}
