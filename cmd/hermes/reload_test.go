package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAPolicyThatIsWrongEndsThePostOffice(t *testing.T) {
	policy := filepath.Join(t.TempDir(), "policy.toml")
	require.NoError(t, os.WriteFile(policy, []byte("[[allow]]\n"), 0o600))
	code, _, err := try(t, "", "postoffice", "--in", "tcp://127.0.0.1:*", "--out", "tcp://127.0.0.1:*", "--policy", policy)
	require.NotZero(t, code)
	require.Contains(t, err, "policy.toml, line 1")
}
