//go:build !hermestest

package main

// probe, arm and counted are hooks of the tests (probe_on.go), and nothing in a library
// built for use.

func probe(string) {}

func arm(string, string) bool { return false }

func counted(string) (string, bool) { return "", false }
