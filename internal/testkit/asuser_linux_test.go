package testkit

import (
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestOneThreadRunsAsAnotherUser(t *testing.T) {
	before := os.Geteuid()
	uid, gid := Stranger()
	var seen [2]int
	require.NoError(t, AsUser(t, uid, gid, func() error {
		seen = [2]int{unix.Geteuid(), unix.Getegid()}
		return nil
	}))
	require.Equal(t, [2]int{int(uid), int(gid)}, seen)
	require.Equal(t, before, unix.Geteuid())
	failed := errors.New("a reason")
	require.ErrorIs(t, AsUser(t, uid, gid, func() error { return failed }), failed)
}
