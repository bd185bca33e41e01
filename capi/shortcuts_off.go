//go:build hermesdirect

package main

// shortcuts says whether calls may pass without a step into Go. Tests that make the Go
// side of a function fail must not have it passed by.
const shortcuts = false
