// Package random draws numbers that tell processes, components and runs apart.
//
// The generator of math/rand/v2 does not: the runtime of Go seeds it from AT_RANDOM, 16 bytes that the kernel
// gives a program when it starts, and children that a program forks have them in common. Where each child
// loads the library anew (python/hermes/_native/load.py), all would draw the same numbers. These come from the
// kernel.
//
// All functions may be called by any number of goroutines.
package random

import (
	"crypto/rand"
	"encoding/binary"
)

// Uint32 is a random number.
func Uint32() uint32 { return uint32(Uint64()) }

// Uint64 is a random number.
func Uint64() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails: the program ends instead
	return binary.NativeEndian.Uint64(b[:])
}
