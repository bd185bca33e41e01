// Package fast is the part of the C interface that only buys speed: it spares calls between
// C and Go, which cost more than what has to be done for one envelope, and threads that have
// to be woken. README.md says what each piece buys and how to measure it.
//
// A library works the same without any of them: build.sh --off LIST builds one. Everything
// here is found by a handle (slottable.h), falls back to Go, and never decides that an
// envelope is wrong.
//
// Lock order: core holds the lock of its queue when it calls this package, which then takes
// the lock of a slot; nothing is called with that one held.
package fast

// #cgo CFLAGS: -fvisibility=hidden -Wall -Wextra
import "C"

import (
	"slices"
	"strings"
)

// The pieces of this package that can be switched off. Some are for Linux alone (absent).
const (
	Staging     = "staging"     // staging buffers of publishers
	Rows        = "rows"        // converting Python's marshal in C
	Templates   = "templates"   // the JSON template caches of these
	Quiet       = "quiet"       // staging, and handing over, while Go sleeps
	Prefetch    = "prefetch"    // prefetch buffers of receivers
	Waiting     = "waiter"      // waiting in C rather than in Go
	Lease       = "lease"       // reading the connection in the thread that waits
	StackBounds = "stackbounds" // remembering the bounds of the main thread's stack
	Processors  = "processors"  // processors of Go beyond those of the machine
	Monitor     = "monitor"     // timer slack of the runtime's monitor; build.sh alone switches it off
)

// off names the pieces that are switched off, separated by commas, or "all". The linker
// sets it: build.sh --off.
var off string

// On reports whether a piece is in use.
func On(piece string) bool {
	list := strings.Split(off, ",")
	return !slices.Contains(list, piece) && !slices.Contains(list, "all") && !slices.Contains(absent, piece)
}
