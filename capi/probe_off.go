//go:build !hermestest

package main

// probe, arm and spared are hooks of the tests (probe_on.go), and nothing in a library
// built for use.

func probe(string) {}

func arm(string, string) bool { return false }

func spared(string) (string, bool) { return "", false }
