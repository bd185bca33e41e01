//go:build unix

package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSignalUSR1WritesTheRing(t *testing.T) {
	_, at := startOffice(t)
	dir := t.TempDir()
	c := startRecord(t, "-o", filepath.Join(dir, "a.mcap"), "--ring", "60s", "--where", "data.n > 5", at["out"])
	pub := func(value string) {
		code, _, err := try(t, "", "pub", at["in"], "t", value)
		require.Equal(t, exitOK, code, err)
	}
	files := func() []string {
		names, err := filepath.Glob(dir + "/a-*.mcap")
		require.NoError(t, err)
		return names
	}
	pub(`{"n": 1}`)
	require.Empty(t, files())
	pub(`{"n": 9}`)
	require.Eventually(t, func() bool { return len(files()) == 1 }, soon, time.Millisecond)
	pub(`{"n": 2}`)
	require.Eventually(t, func() bool {
		require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGUSR1))
		return len(files()) == 2
	}, soon, 10*time.Millisecond)
	c.cancel()
	ended(t, c)
	require.Equal(t, exitOK, c.end(t))
}

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

func TestAHangupChangesWhatMayChange(t *testing.T) {
	path := configured(t, "log-level = \"info\"\n")
	office := start(t, nil, "postoffice", "--config", path, "--log-limit", "-1")
	office.line(t)
	office.says(t, "started: ")
	hangup := func() { require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGHUP)) }

	reconfigure(t, path, "log-level = \"info\"\nstats = \"1ms\"\nsite = \"x\"\n")
	hangup()
	office.says(t, "error   config_invalid: the configuration stays as it was: --site is for a post office that joins others")
	reconfigure(t, path, "loglevel = \"info\"\nstats = \"1ms\"\n")
	hangup()
	office.says(t, path+`:3: there is no setting "loglevel"; did you mean "log-level"?`)

	reconfigure(t, path, "stats = \"1ms\"\ndebug = \"tcp://127.0.0.1:*\"\nlog-limit = 3\n[set]\nqueue.messages = 9\ncache.depth = 2\n")
	hangup()
	office.says(t, "info    config_reloaded: "+path+" was read again; changed: stats, set.queue.messages; after a restart only: debug, set.cache.depth")
	require.Contains(t, office.line(t), `"in_messages"`, "it prints counters by now")

	reconfigure(t, path, "[set]\nqueue.messages = 9\ncache.depth = 2\n")
	hangup()
	office.says(t, "changed: stats; after a restart only: set.cache.depth")
	office.cancel()
	for range office.lines {
	}
	require.Zero(t, office.end(t))
}

func TestWhatCannotBeChangedTakesBackWhatWas(t *testing.T) {
	path := configured(t, "")
	office := start(t, nil, "postoffice", "--config", path)
	office.line(t)
	// Not a server of CURVE, the post office refuses keys of clients while it runs.
	reconfigure(t, path, "log-level = \"error\"\nstats = \"1h\"\n[set]\ncurve.clients = \"any\"\n")
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGHUP))
	office.says(t, "config_invalid: the configuration stays as it was: ")
	office.says(t, "curve.clients")
	office.cancel()
	require.Zero(t, office.end(t))
}

func TestAHangupReadsTheTokensAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	first := "the-first-token-of-two-dozens"
	require.NoError(t, os.WriteFile(path, []byte(first), 0o600))
	office := start(t, nil, "postoffice", "--config", configured(t, "http = \"127.0.0.1:*\"\nhttp-token-file = \""+path+"\"\n"))
	var endpoints map[string]string
	require.NoError(t, json.Unmarshal([]byte(office.line(t)), &endpoints))
	answer := func(token string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, endpoints["http"]+"/v1/stats", nil)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+token)
		got, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, got.Body.Close())
		return got.StatusCode
	}
	require.Equal(t, http.StatusOK, answer(first))
	require.Equal(t, http.StatusUnauthorized, answer("the-other-token-of-two-dozens"))
	require.NoError(t, os.WriteFile(path, []byte("short"), 0o600))
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGHUP))
	office.says(t, "the configuration stays as it was: ")
	require.Equal(t, http.StatusOK, answer(first))
	require.NoError(t, os.WriteFile(path, []byte("the-other-token-of-two-dozens"), 0o600))
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGHUP))
	office.says(t, "was read again")
	require.Equal(t, http.StatusUnauthorized, answer(first))
	require.Equal(t, http.StatusOK, answer("the-other-token-of-two-dozens"))
	office.cancel()
	require.Zero(t, office.end(t))
}
