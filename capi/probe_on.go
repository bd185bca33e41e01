//go:build hermestest

package main

import (
	"strconv"

	"github.com/hermes-zmq/hermes/capi/fast"
	"github.com/hermes-zmq/hermes/internal/faultinject"
)

// probe is where a test makes a function of hermes.h panic.
func probe(function string) { faultinject.At(function) }

// arm takes the option by which a test asks for a panic: hermes_set(any,
// "test.panic", "hermes_start") makes the next hermes_start() panic, and the names of places in
// faultinject.Arm make its goroutines panic.
func arm(key, place string) bool {
	if key != "test.panic" {
		return false
	}
	faultinject.Arm(place)
	return true
}

// spared answers the option by which a test learns whether calls were spared:
// hermes_get(any, "test.spared.recv") is how many calls of hermes_recv() in this process
// did not enter Go.
func spared(key string) (value string, known bool) {
	n, known := fast.Spared(key)
	return strconv.FormatUint(n, 10), known
}
