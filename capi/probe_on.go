//go:build hermestest

package main

import "github.com/hermes-zmq/hermes/core"

// probe is where a test makes a function of hermes.h panic.
func probe(function string) { core.PanicPlace(function) }

// arm takes the option by which a test asks for a panic: hermes_set(any,
// "test.panic", "hermes_start") makes the next hermes_start() panic, and the names of
// core.ArmPanic make its goroutines panic.
func arm(key, place string) bool {
	if key != "test.panic" {
		return false
	}
	core.ArmPanic(place)
	return true
}

// shortcuts says whether calls may pass without a step into Go, out of sight of the
// probes.
const shortcuts = false
