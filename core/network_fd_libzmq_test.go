//go:build cgo && !nolibzmq

package core

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestASocketThatListensAlreadyIsNotForLibzmq(t *testing.T) {
	fd, _ := passed(t, "unix", filepath.Join(shortDir(t), "s"))
	r, err := NewReceiver(fmt.Sprintf("@fd://%d", fd), "r")
	require.NoError(t, err)
	set(t, r, "engine", "libzmq")
	code(t, EADDRESS, r.Start(), "libzmq takes no socket that listens already")
	require.NoError(t, r.Close())
}
