package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/curve"
)

func TestKeysAreMadeAndShown(t *testing.T) {
	name := filepath.Join(t.TempDir(), "node")
	code, made, said := try(t, "", "key", "new", name)
	require.Equal(t, exitOK, code)
	require.Contains(t, said, name+".key_secret")
	pair, err := curve.ReadSecretFile(name + ".key_secret")
	require.NoError(t, err)
	require.Equal(t, pair.Public.String()+"\n", made)
	for _, suffix := range []string{".key", ".key_secret"} {
		code, shown, said := try(t, "", "key", "show", name+suffix)
		require.Equal(t, exitOK, code)
		require.Equal(t, made, shown)
		require.NotContains(t, shown+said, pair.Secret().Text())
	}
	code, _, said = try(t, "", "key", "new", name)
	require.Equal(t, exitError, code)
	require.Contains(t, said, "exists")
}

func TestKeyTakesNewOrShow(t *testing.T) {
	for _, args := range [][]string{{"key"}, {"key", "new"}, {"key", "lose", "x"}} {
		code, _, _ := try(t, "", args...)
		require.Equal(t, exitUsage, code)
	}
	code, _, _ := try(t, "", "key", "show", filepath.Join(t.TempDir(), "none"))
	require.Equal(t, exitError, code)
}
