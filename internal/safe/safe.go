// Package safe starts goroutines that cannot take the host program down.
package safe

import (
	"fmt"
	"runtime/debug"
)

// PanicError is what a recovered panic is reported as.
type PanicError struct {
	Value any    // what panic was called with
	Stack []byte // of the goroutine that panicked
}

func (e *PanicError) Error() string {
	return fmt.Sprintf("panic: %v\n%s", e.Value, e.Stack)
}

// Unwrap gives the panic value where it is an error itself.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// Go runs f in a goroutine of its own. A panic in f is recovered and handed to
// fail as a *PanicError, in that goroutine; deferred calls of f have run by then.
// A panic in fail itself is recovered too, and lost.
func Go(fail func(error), f func()) {
	go Do(fail, f)
}

// Do is Go without the goroutine: it runs f and returns when f, and fail if it was
// needed, have ended.
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
