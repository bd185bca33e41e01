// Elsewhere all threads of a process run as the same user, so there is no other one to test with.

//go:build !linux

package testkit

import (
	"os"
	"testing"
)

// Stranger is the user and the group of this process.
func Stranger() (uid, gid uint32) { return uint32(os.Geteuid()), uint32(os.Getegid()) }

// AsUser runs f.
func AsUser(t testing.TB, _, _ uint32, f func() error) error {
	t.Helper()
	return f()
}
