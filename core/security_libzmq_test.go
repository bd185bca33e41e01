//go:build cgo && !nolibzmq

package core

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLibzmqHasNoPolicy(t *testing.T) {
	po, err := NewPostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*", "")
	require.NoError(t, err)
	defer po.Close()
	path := filepath.Join(t.TempDir(), "policy.toml")
	require.NoError(t, os.WriteFile(path, []byte("[users.all]\nanonymous = true\n"), 0o600))
	set(t, po, "policy", path, "engine", "libzmq")
	code(t, EADDRESS, po.Start(), "the option policy")
}
