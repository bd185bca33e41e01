package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func policyFile(t *testing.T, text string) string {
	path := filepath.Join(t.TempDir(), "policy.toml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestPolicyCheckListsAllProblems(t *testing.T) {
	path := policyFile(t, "[users.a]\nuids = [1]\n")
	code, out, said := try(t, "", "policy", "check", path)
	require.Equal(t, exitOK, code)
	require.Equal(t, path+" is valid; users: 1\n", out)
	require.Empty(t, said)

	code, out, said = try(t, "", "policy", "check", policyFile(t, "x = 1\n[users.a]\nuids = [1]\ny = 1\n"))
	require.Equal(t, exitError, code)
	require.Empty(t, out)
	require.Equal(t, `policy.toml, line 1: a policy has no key "x"; its keys are users, groups, allow and deny
policy.toml, line 4: user a has no key "y"; its keys are keys, certificates, names, uids, anonymous and origins
`, said)

	code, _, said = try(t, "", "policy", "check", filepath.Join(t.TempDir(), "none"))
	require.Equal(t, exitError, code)
	require.Contains(t, said, "cannot read the policy")
}

func TestPolicyTestPrintsTheVerdict(t *testing.T) {
	path := policyFile(t, `[users.a]
uids = [1]
[[allow]]
users = ["a"]
publish = ["ticks"]
subscribe = [""]
[[deny]]
users = ["*"]
subscribe = ["orders"]
`)
	for _, c := range []struct {
		args, says string
		code       int
	}{
		{"a pub ticks/eur", "allowed: policy.toml, line 5", exitOK},
		{"a pub ticks/eur --origin a", "allowed: policy.toml, line 5", exitOK},
		{"a pub ticks --origin b", "refused: user a may not publish ticks (policy.toml, line 5, allows it in the name of other origins only)", exitRefused},
		{"a pub quotes", "refused: user a may not publish quotes (no rule of policy.toml allows it)", exitRefused},
		{"a sub quotes", "allowed: policy.toml, line 6", exitOK},
		{"a sub orders/1", "refused: user a may not subscribe to orders/1 (policy.toml, line 9)", exitRefused},
	} {
		code, out, said := try(t, "", append([]string{"policy", "test", path}, strings.Fields(c.args)...)...)
		require.Equal(t, c.code, code, c.args)
		require.Equal(t, c.says+"\n", out)
		require.Empty(t, said)
	}
	code, _, said := try(t, "", "policy", "test", path, "b", "pub", "ticks")
	require.Equal(t, exitError, code)
	require.Contains(t, said, `has no user "b"; it has a`)
	code, _, said = try(t, "", "policy", "test", policyFile(t, "x = 1\n"), "b", "pub", "ticks")
	require.Equal(t, exitError, code)
	require.Contains(t, said, "policy.toml, line 1")
}

func TestPolicyNamesAFewUsers(t *testing.T) {
	var text strings.Builder
	for i := range 20 {
		fmt.Fprintf(&text, "[users.u%02d]\nuids = [%d]\n", i, i)
	}
	_, _, said := try(t, "", "policy", "test", policyFile(t, text.String()), "b", "sub", "x")
	require.Contains(t, said, "it has u00, u01, u02, u03, u04, u05, u06, u07, u08, u09 and 10 more")
}

func TestPolicyTakesCheckOrTest(t *testing.T) {
	path := policyFile(t, "[users.a]\nuids = [1]\n")
	for _, args := range [][]string{{}, {"lose", "x"}, {"check"}, {"check", path, path}, {"check", path, "--origin", "a"},
		{"test", path}, {"test", path, "a", "pub"}, {"test", path, "a", "say", "x"}} {
		code, _, said := try(t, "", append([]string{"policy"}, args...)...)
		require.Equal(t, exitUsage, code, args)
		require.Contains(t, said, "usage: hermes policy")
	}
}
