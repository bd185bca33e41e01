//go:build hermestest

package main

import "sync/atomic"

// armed is the function of hermes.h whose next call is to panic.
var armed atomic.Pointer[string]

// probe panics where a test has asked for it.
func probe(function string) {
	if want := armed.Load(); want != nil && *want == function && armed.CompareAndSwap(want, nil) {
		panic("asked for by a test")
	}
}

// arm takes the option by which a test asks for a panic: hermes_set(any,
// "test.panic", "hermes_start") makes the next hermes_start() panic.
func arm(key, function string) bool {
	if key != "test.panic" {
		return false
	}
	armed.Store(&function)
	return true
}
