// Command capi is the C library libhermes: it converts C types and handles to and
// from package core, and does nothing else.
//
// The functions of include/hermes.h are written in C: exports.c, errortext.c, envelope.c.
// Those that need Go call the functions exported here (export_*.go), whose names begin with
// hermesgo_ and which the finished library hides. Package fast spares some of these calls.
// build.sh builds the library.
//
// On its way a call from C passes the fork gate (gate.c), finds its object in the registry
// (handles.go), which holds the object until the call leaves (call.go), and converts what
// comes back (envelope.go, memory.go). A call that waits does so outside of Go (wait.go).
package main

/*
#cgo CFLAGS: -I${SRCDIR}/../include -fvisibility=hidden -Wall -Wextra
#cgo windows CFLAGS: -DHERMES_BUILD
#include "exports.h"
*/
import "C"

// main is never called; a C library of Go is a main package all the same.
func main() {}
