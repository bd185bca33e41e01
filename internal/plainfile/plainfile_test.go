package plainfile

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOnlyARegularFileOfBoundedSizeIsRead(t *testing.T) {
	dir := t.TempDir()
	file, pipe := filepath.Join(dir, "file"), filepath.Join(dir, "pipe")
	require.NoError(t, os.WriteFile(file, []byte("text"), 0o600))
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	text, err := Read(file, 4)
	require.NoError(t, err)
	require.Equal(t, "text", string(text))
	_, err = Read(file, 3)
	require.ErrorContains(t, err, "larger than 3 bytes")
	for _, other := range []string{dir, pipe, "/dev/zero"} {
		_, err = Read(other, 1000)
		require.ErrorContains(t, err, other)
	}
	_, err = Read(filepath.Join(dir, "none"), 1)
	require.ErrorIs(t, err, os.ErrNotExist)
}
