//go:build !linux

package main

import "C"

// hermesgo_started does nothing: like every call into Go, it returns once the runtime is up.
//
//export hermesgo_started
func hermesgo_started() {}
