package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/core"
)

// TestEveryCommandThatPrintsTakesJSON: a script may give --json to each, but for those that print nothing, or a script.
func TestEveryCommandThatPrintsTakesJSON(t *testing.T) {
	without := map[string]bool{"hermes completion": true, "hermes context rm": true, "hermes context set": true, "hermes context use": true}
	for _, c := range allCommands(newRoot(streams{})) {
		if c.HasSubCommands() || c.Hidden {
			continue
		}
		require.Equal(t, !without[c.CommandPath()], c.Flags().Lookup("json") != nil, c.CommandPath())
	}
}

func TestTextsAsJSON(t *testing.T) {
	newKeys(t, "office")
	require.NoError(t, os.WriteFile("good.toml", []byte("[users.desk]\nnames = [\"desk\"]\n[[allow]]\nusers = [\"desk\"]\nsubscribe = [\"ticks\"]\n"), 0o600))
	require.NoError(t, os.WriteFile("bad.toml", []byte("x = 1\n[users.desk]\n"), 0o600))
	_, public, _ := try(t, "", "key", "show", "office.key")
	public = strings.TrimSpace(public)
	for _, c := range []struct {
		code int
		args string
		want map[string]any
	}{
		{exitOK, "version", map[string]any{"version": core.Version}},
		{exitOK, "key show office.key", map[string]any{"public": public}},
		{exitOK, "policy check good.toml", map[string]any{"file": "good.toml", "valid": true, "users": 1.0, "problems": []any{}}},
		{exitError, "policy check bad.toml", map[string]any{"file": "bad.toml", "valid": false, "users": 0.0}},
		{exitOK, "policy test good.toml desk sub ticks", map[string]any{"allowed": true, "reason": "good.toml, line 5"}},
		{exitRefused, "policy test good.toml desk pub ticks", map[string]any{"allowed": false}},
	} {
		code, out, err := try(t, "", append(strings.Fields(c.args), "--json")...)
		require.Equal(t, c.code, code, err)
		var got map[string]any
		require.NoError(t, json.Unmarshal([]byte(out), &got), "%s: %s", c.args, out)
		for name, value := range c.want {
			require.Equal(t, value, got[name], "%s: %s", c.args, out)
		}
		if c.code == exitError {
			require.NotEmpty(t, got["problems"])
			require.Empty(t, err)
		}
	}
	_, text, _ := try(t, "", "key", "fingerprint", "office.key")
	_, out, _ := try(t, "", "key", "fingerprint", "office.key", "--json")
	require.JSONEq(t, `{"fingerprint":"`+strings.TrimSpace(text)+`"}`, out)
	_, out, _ = try(t, "", "key", "new", "desk", "--json")
	var made map[string]string
	require.NoError(t, json.Unmarshal([]byte(out), &made))
	require.FileExists(t, made["secret_file"])
	_, text, _ = try(t, "", "key", "show", made["public_file"])
	require.Equal(t, strings.TrimSpace(text), made["public"])

	_, out, _ = try(t, "", "options", "receiver", "--json")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	_, text, _ = try(t, "", "options", "receiver")
	require.Len(t, lines, strings.Count(text, "\n"))
	for _, line := range lines {
		var o optionLine
		require.NoError(t, json.Unmarshal([]byte(line), &o))
		require.Contains(t, text, o.Meaning)
	}
}

func TestWhatIsJSONAnywayTakesTheFlag(t *testing.T) {
	office, at := startOffice(t, "--json")
	sub := start(t, nil, "sub", "--json", "--count", "1", at["out"])
	code, out, err := try(t, "", "pub", "--json", "--wait", "1h", at["in"], "a", "1")
	require.Equal(t, exitOK, code, err)
	require.JSONEq(t, `{"envelopes":1,"sent":1,"unwanted":0,"lost":0}`, out)
	require.Contains(t, sub.line(t), `{"topic":"a","origin":"hermes-pub","data":1,`)
	require.Equal(t, exitOK, sub.end(t))
	office.cancel()
	require.Equal(t, exitOK, office.end(t))

	name := recordingOf(t, 10)
	_, plain, _ := try(t, "", "log", "export", name)
	_, out, _ = try(t, "", "log", "export", "--json", name)
	require.Equal(t, plain, out)
	for _, args := range [][]string{{"sub", "--json", "--raw", at["out"]}, {"sub", "--json", "--exec", "true", at["out"]},
		{"log", "export", "--json", "--format", "csv", name}} {
		code, _, err := try(t, "", args...)
		require.Equal(t, exitUsage, code, "%v: %s", args, err)
		require.Contains(t, err, "--json", filepath.Base(args[0]))
	}
}
