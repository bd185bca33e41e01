//go:build hermestest

package core

import "github.com/hermes-zmq/hermes/internal/faultinject"

// ArmPanic makes the library panic when it next comes to a place: "publisher",
// "receiver" and "post office" are where one of them moves its envelopes, and
// package capi has a place for each of its functions. Both exist in the builds of
// tests only (tag hermestest).
func ArmPanic(place string) { faultinject.Arm(place) }

// PanicPlace is a place outside of this package.
func PanicPlace(place string) { faultinject.At(place) }
