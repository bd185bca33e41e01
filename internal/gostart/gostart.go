// Package gostart starts the Go runtime in a process of C at its first call into the
// library, rather than when the library is loaded. It has C code only (start.c, limits.c),
// for it runs before Go does, and works together with capi/build.sh.
package gostart

// #cgo CFLAGS: -fvisibility=hidden -Wall -Wextra
import "C"
