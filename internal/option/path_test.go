package option

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAPathStaysTheSameFile(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	var x Path
	require.Empty(t, x.String())
	require.NoError(t, x.Set("policy.toml"))
	require.NoError(t, os.Mkdir("below", 0o700))
	t.Chdir("below")
	is, err := filepath.EvalSymlinks(dir)
	require.NoError(t, err)
	got, err := filepath.EvalSymlinks(filepath.Dir(x.String()))
	require.NoError(t, err)
	require.Equal(t, is, got)
	require.ErrorContains(t, x.Set(dir), "is a directory")
	require.NoError(t, x.Set(""))
	require.Empty(t, x.String())
	x.exists = true
	require.ErrorIs(t, x.Set("none"), os.ErrNotExist)
}
