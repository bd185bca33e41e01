//go:build hermestest

package main

/*
#cgo CFLAGS: -DSHIM_COUNT_SHORTCUTS
#include "shim.h"
*/
import "C"

import (
	"strconv"

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

// counted answers the option by which a test learns whether calls took a shortcut:
// hermes_get(any, "test.shortcuts.recv") is how many have, in this process.
func counted(key string) (value string, known bool) {
	of, ok := map[string]int{
		"test.shortcuts.publish":         C.SHIM_PUBLISH_SHORTCUT,
		"test.shortcuts.publish_try":     C.SHIM_TRY_SHORTCUT,
		"test.shortcuts.publish_marshal": C.SHIM_MARSHAL_SHORTCUT,
		"test.shortcuts.recv":            C.SHIM_RECV_SHORTCUT,
	}[key]
	if !ok {
		return "", false
	}
	return strconv.FormatUint(uint64(C.shim_shortcuts_taken(C.int(of))), 10), true
}
