//go:build !hermesdirect

package main

// shortcuts says whether calls may pass without a step into Go.
const shortcuts = true
