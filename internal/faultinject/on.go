//go:build hermestest

// Package faultinject lets a test make a chosen place of the library panic.
package faultinject

import "sync/atomic"

var armed atomic.Pointer[string]

// At panics where a test has armed this place.
func At(place string) {
	if want := armed.Load(); want != nil && *want == place && armed.CompareAndSwap(want, nil) {
		panic("asked for by a test")
	}
}

// Arm makes the next At(place) panic, once.
func Arm(place string) { armed.Store(&place) }
