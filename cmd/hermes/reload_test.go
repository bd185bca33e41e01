package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAHangupHasThePolicyReadAgain(t *testing.T) {
	policy := filepath.Join(t.TempDir(), "policy.toml")
	require.NoError(t, os.WriteFile(policy, []byte("[users.all]\nanonymous = true\n[[allow]]\nusers = [\"all\"]\nsubscribe = [\"\"]\n"), 0o600))
	office := start(t, nil, "postoffice", "--in", "tcp://127.0.0.1:*", "--out", "tcp://127.0.0.1:*", "--policy", policy)
	<-office.lines
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGHUP))
	require.Eventually(t, func() bool { return strings.Contains(office.stderr.String(), "policy.toml was read again") },
		soon, time.Millisecond)
	office.cancel()
	require.Zero(t, <-office.code)
}

func TestAPolicyThatIsWrongEndsThePostOffice(t *testing.T) {
	policy := filepath.Join(t.TempDir(), "policy.toml")
	require.NoError(t, os.WriteFile(policy, []byte("[[allow]]\n"), 0o600))
	code, _, err := try(t, "", "postoffice", "--in", "tcp://127.0.0.1:*", "--out", "tcp://127.0.0.1:*", "--policy", policy)
	require.NotZero(t, code)
	require.Contains(t, err, "policy.toml, line 1")
}
