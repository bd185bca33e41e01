// Package invariants checks, in builds with the tag "invariants", what the code of this
// project states in its comments: accounting identities, the bounds of queues, the order
// in which locks are taken.
//
// A check stands behind the constant, so that the compiler removes it, its arguments
// included, from a build without the tag:
//
//	if invariants.Enabled {
//		invariants.Check(q.bytes <= q.maxBytes, "send queue holds %d of %d bytes", q.bytes, q.maxBytes)
//	}
//
// A Mutex or RWMutex of this package knows its rank within a family of locks. In builds
// with the tag, taking a lock while the same goroutine holds one of the same family with
// an equal or higher rank panics; without the tag they are those of package sync.
//
// A check that fails panics: the goroutine that broke the rule is on the stack. Checks
// read what their caller's locks guard, and change nothing. CI runs the Go tests once
// with the tag; it is not for use in production.
package invariants

import "fmt"

// Check panics with the message where ok is false.
func Check(ok bool, format string, args ...any) {
	if !ok {
		panic("invariant violated: " + fmt.Sprintf(format, args...))
	}
}
