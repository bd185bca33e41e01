package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/config"
)

func TestEverySettingIsExplained(t *testing.T) {
	path := configured(t, "[options]\nqueue.bytes = 1000\ntls.key = \"/k\"\n")
	t.Setenv("HERMES_LOG_LEVEL", "debug")
	code, out, err := try(t, "", "config", "explain", "--config", path, "--stats", "5s")
	require.Zero(t, code, err)
	for _, want := range []string{
		`{"key":"in","value":"tcp://127.0.0.1:*","default":"tcp://127.0.0.1:6000","from":{"kind":"file","name":"` + path + `","line":1},"meaning":"address for publishers","reload":false}`,
		`{"key":"log-level","value":"debug","default":"info","from":{"kind":"environment","name":"HERMES_LOG_LEVEL"}`,
		`{"key":"stats","value":"5s","default":"0s","from":{"kind":"flag","name":"--stats"}`,
		`{"key":"set.queue.bytes","value":"1000",`, `"line":4}`, `{"key":"set.tls.key","value":"(secret)"`,
		`{"key":"set.cache.depth","value":"0","default":"0","from":{"kind":"default"}`,
	} {
		require.Contains(t, out, want)
	}
	require.NotContains(t, out, `"key":"check-config"`)
	require.NotContains(t, out, `"key":"json"`)

	code, out, _ = try(t, "", "config", "explain", "queue.bytes")
	require.Zero(t, code)
	require.Equal(t, 1, strings.Count(out, "\n"))
	require.Contains(t, out, `"reload":true`)
	code, _, err = try(t, "", "config", "explain", "queue.byte")
	require.Equal(t, exitUsage, code)
	require.Contains(t, err, `there is no setting "queue.byte"; did you mean "queue.bytes"?`)
	code, _, err = try(t, "", "config", "explain", "in", "out")
	require.Equal(t, exitUsage, code)
	require.Contains(t, err, "takes one setting at most")
}

func TestASettingIsExplainedToPeople(t *testing.T) {
	s := config.Setting{Key: "set.queue.bytes", Value: "1", Default: "2", From: config.Source{Kind: config.FromFile, Name: "f", Line: 3}, Usage: "u", Live: true}
	require.Equal(t, `set.queue.bytes = "1"
  from       f:3
  default    "2"
  flag       --set queue.bytes=...
  variable   HERMES_SET_QUEUE_BYTES
  on SIGHUP  a change takes effect
  meaning    u
`, explained(s))
	text := settingsTable([]config.Setting{s}).render(80)
	require.Regexp(t, "set.queue.bytes +1 +f:3 +takes effect", text)
}

func TestNoTwoSettingsHaveOneVariable(t *testing.T) {
	keys, err := optionKeys()
	require.NoError(t, err)
	seen := map[string]string{}
	for _, key := range keys {
		v := config.Variable("set." + key.Name)
		require.Empty(t, seen[v], "%s and %s", key.Name, seen[v])
		seen[v] = key.Name
	}
	require.NotEmpty(t, seen)
}
