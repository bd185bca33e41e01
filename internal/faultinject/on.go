//go:build hermestest

package faultinject

import "sync/atomic"

// armed is the place that panics next, or nil.
var armed atomic.Pointer[string]

// At panics if a test has armed this place.
func At(place string) {
	if want := armed.Load(); want != nil && *want == place && armed.CompareAndSwap(want, nil) {
		panic("fault injected by a test")
	}
}

// Arm makes the next At(place) panic, once. It replaces what was armed before.
func Arm(place string) { armed.Store(&place) }
