package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// says waits until a command has printed a text on its standard error.
func (c *running) says(t *testing.T, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(c.stderr.String(), text) }, soon, time.Millisecond,
		"it does not say %q", text)
}

// newKeys makes files of keys in a folder, where the test goes.
func newKeys(t *testing.T, names ...string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, name := range names {
		code, _, err := try(t, "", "key", "new", name)
		require.Zero(t, code, err)
	}
}

func TestRefusalsAreNamedAtBothEnds(t *testing.T) {
	newKeys(t, "office", "known", "stranger")
	locked, at := startOffice(t, "--set", "curve.secret=office.key_secret", "--set", "curve.clients=known.key")
	plain, open := startOffice(t)
	keys := func(own, server string) []string {
		return []string{"--set", "curve.secret=" + own + ".key_secret", "--set", "curve.server=" + server + ".key"}
	}
	for name, c := range map[string]struct {
		office        *running
		at            map[string]string
		flags         []string
		here, atThere string
	}{
		"unknown key":           {locked, at, keys("stranger", "office"), "refused by tcp://", "is not known"},
		"wrong server key":      {locked, at, keys("known", "stranger"), "the server's key is not the one expected", "expects another key"},
		"no key":                {locked, at, nil, `demands the security mechanism "CURVE"`, "no security mechanism"},
		"key at a plain office": {plain, open, keys("known", "office"), "no security mechanism", `demands the security mechanism "CURVE"`},
	} {
		t.Run(name, func(t *testing.T) {
			sub := start(t, nil, append([]string{"sub", c.at["out"]}, c.flags...)...)
			sub.says(t, c.here)
			c.office.says(t, c.atThere)
			sub.cancel()
			require.Equal(t, exitOK, sub.end(t))
			code, _, err := try(t, "", append([]string{"pub", c.at["in"], "topic", "1", "--wait", "1s"}, c.flags...)...)
			require.NotZero(t, code)
			require.Contains(t, err, c.here)
		})
	}
	sub := start(t, nil, append([]string{"sub", "--count", "1", at["out"]}, keys("known", "office")...)...)
	require.Eventually(t, func() bool {
		code, _, _ := try(t, "", append([]string{"pub", at["in"], "topic", "1"}, keys("known", "office")...)...)
		return code == exitOK
	}, soon, time.Millisecond)
	require.Contains(t, sub.line(t), "topic")
	require.Equal(t, exitOK, sub.end(t))
}

func TestRightsAreNamedAtBothEnds(t *testing.T) {
	newKeys(t, "office", "desk-1", "desk-2")
	require.NoError(t, os.WriteFile("policy.toml", []byte(`[users.desk-1]
keys = ["desk-1.key"]
[users.desk-2]
keys = ["desk-2.key"]
[[allow]]
users = ["*"]
publish = ["news"]
subscribe = [""]
[[deny]]
users = ["desk-2"]
subscribe = ["orders"]
`), 0o600))
	audit := filepath.Join(t.TempDir(), "audit.jsonl")
	office, at := startOffice(t, "--set", "curve.secret=office.key_secret", "--policy", "policy.toml", "--set", "audit.file="+audit)
	as := func(user string) []string {
		return []string{"--set", "curve.secret=" + user + ".key_secret", "--set", "curve.server=office.key"}
	}
	denied := `user desk-2 may not subscribe to orders/ (policy.toml, line 11)`
	all := start(t, nil, append([]string{"sub", at["out"]}, as("desk-1")...)...)
	sub := start(t, nil, append([]string{"sub", at["out"], "orders/"}, as("desk-2")...)...)
	sub.says(t, denied)
	office.says(t, denied)

	denied = `user desk-1 may not publish ticks (no rule of policy.toml allows it)`
	pub := append([]string{"pub", at["in"], "ticks", "1", "--name", "desk-1"}, as("desk-1")...)
	require.Eventually(t, func() bool { // until the subscription of the other one has arrived
		_, _, _ = try(t, "", pub...)
		return strings.Contains(office.stderr.String(), denied)
	}, soon, time.Millisecond)
	all.cancel()
	require.Equal(t, exitOK, all.end(t))
	office.cancel()
	require.Equal(t, exitOK, office.end(t))
	text, err := os.ReadFile(audit)
	require.NoError(t, err)
	require.Contains(t, string(text), `"action":"publish","result":"denied","user":"desk-1"`)
}

// TestARefusalEndsEveryCommand: a script must see at the exit code that it has no right, and not wait for what cannot come.
func TestARefusalEndsEveryCommand(t *testing.T) {
	newKeys(t, "office", "desk", "reader", "unknown")
	require.NoError(t, os.WriteFile("policy.toml", []byte(`[users.desk]
keys = ["desk.key"]
[users.reader]
keys = ["reader.key"]
[[allow]]
users = ["desk"]
publish = ["news"]
subscribe = ["news"]
[[allow]]
users = ["reader"]
subscribe = [""]
`), 0o600))
	_, at := startOffice(t, "--set", "curve.secret=office.key_secret", "--policy", "policy.toml")
	as := func(user string) []string {
		return []string{"--set", "curve.secret=" + user + ".key_secret", "--set", "curve.server=office.key"}
	}
	in, out := at["in"], at["out"]
	for name, args := range map[string][]string{
		"topics":       {"topics", out, "orders/", "--window", "1h"},
		"all topics":   {"topics", out, "orders/", "trades/", "--window", "1h"},
		"hz":           {"hz", out, "orders/", "--window", "1h"},
		"bw":           {"bw", out, "orders/", "--window", "1h"},
		"delay":        {"delay", out, "orders/", "--window", "1h"},
		"top":          {"top", out, "orders/", "--once", "--interval", "1h"},
		"top of peers": {"top", out, "orders/", "--once", "--by", "peer", "--interval", "1h", "--timeout", "1h"},
		"peers":        {"peers", out, "--timeout", "1h"},
		"audit":        {"audit", out, "--timeout", "1h"},
		"record":       {"record", out, "orders/", "--count", "1", "--min-free", "0", "--output", "NAME"},
		"a ring":       {"record", out, "orders/", "--duration", "1h", "--min-free", "0", "--ring", "1s", "--output", "NAME"},
		"sub":          {"sub", out, "orders/", "--timeout", "1h"},
	} {
		t.Run(name, func(t *testing.T) {
			for user, why := range map[string]string{"desk": "user desk may not subscribe to ", "unknown": "is not known"} {
				line := append(slices.Clone(args), as(user)...)
				if at := slices.Index(line, "NAME"); at >= 0 {
					line[at] = filepath.Join(t.TempDir(), "a.mcap")
				}
				code, _, err := try(t, "", line...)
				require.Equal(t, exitRefused, code, err)
				require.Contains(t, err, why)
			}
		})
	}
	all := start(t, nil, append([]string{"sub", out, "--count", "1"}, as("reader")...)...)
	all.says(t, "connected")
	pub := append([]string{"pub", in, "--name", "desk", "--wait", "1h"}, as("desk")...)
	for range 2 { // each is told, though the log of the post office has it once a minute
		code, _, err := try(t, "1\n2\n", append(pub, "orders")...)
		require.Equal(t, exitRefused, code, err)
		require.Contains(t, err, "user desk may not publish orders (no rule of policy.toml allows it)")
	}
	code, _, err := try(t, "", append(pub, "news", "1")...)
	require.Equal(t, exitOK, code, err)
	require.Contains(t, all.line(t), `"topic":"news"`)
	require.Equal(t, exitOK, all.end(t))
}
