//go:build unix

package plainfile

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// special are paths of things that can be opened, and are no files.
func special(t *testing.T) []string {
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	return []string{pipe, "/dev/zero"}
}
