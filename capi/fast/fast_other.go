//go:build !linux

package fast

// absent are the pieces that this system has not; README.md says why.
var absent = []string{Quiet, Lease, StackBounds, Monitor}
