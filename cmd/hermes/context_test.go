package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestContextsAreKept(t *testing.T) {
	config := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", config)
	newKeys(t, "me", "office")
	here, err := os.Getwd()
	require.NoError(t, err)
	code, out, err2 := try(t, "", "context", "ls")
	require.Equal(t, exitOK, code, err2)
	require.Empty(t, out)

	code, _, said := try(t, "", "context", "set", "lab", "--in", "tcp://127.0.0.1:1", "--out", "tcp://127.0.0.1:2",
		"--set", "curve.secret=me.key_secret", "--set", "curve.clients=office.key,me.key", "--set", "timeout=3s")
	require.Equal(t, exitOK, code, said)
	require.Contains(t, said, "context lab is kept")
	path := filepath.Join(config, "hermes/contexts/lab.toml")
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())

	code, _, said = try(t, "", "context", "set", "lab", "--http", "http://127.0.0.1:3", "--unset", "timeout")
	require.Equal(t, exitOK, code, said)
	code, out, _ = try(t, "", "context", "show", "lab")
	require.Equal(t, exitOK, code)
	lab := `{"name":"lab","in":"tcp://127.0.0.1:1","out":"tcp://127.0.0.1:2","http":"http://127.0.0.1:3","options":{"curve.clients":"` + here + `/office.key,` + here + `/me.key","curve.secret":"` + here + `/me.key_secret"},"used":`
	require.Equal(t, lab+"false}\n", out)

	code, _, said = try(t, "", "context", "show")
	require.Equal(t, exitUsage, code)
	require.Contains(t, said, "no context is in use")
	code, _, said = try(t, "", "context", "use", "lab")
	require.Equal(t, exitOK, code, said)
	code, out, _ = try(t, "", "context", "show")
	require.Equal(t, exitOK, code)
	require.Equal(t, lab+"true}\n", out)
	code, _, said = try(t, "", "context", "rm", "lab")
	require.Equal(t, exitOK, code, said)
	used, err := usedContext()
	require.NoError(t, err)
	require.Empty(t, used)
}

func TestMistakesOfContextsAreNamed(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	require.NoError(t, contextFile{Out: "tcp://b:2"}.write("half"))
	folder, err := configFolder()
	require.NoError(t, err)
	for name, text := range map[string]string{"bad": "out =", "odd": "ou = \"x\"\n"} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, "contexts", name+".toml"), []byte(text), 0o600))
	}
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no name":         {[]string{"set"}, exitUsage, "takes the name of one context"},
		"bad name":        {[]string{"set", "a/b", "--out", "tcp://b:2"}, exitUsage, `"a/b" cannot name a context`},
		"nothing":         {[]string{"set", "x"}, exitUsage, "needs --in ADDRESS"},
		"bad address":     {[]string{"set", "x", "--out", "nowhere"}, exitUsage, `"nowhere"`},
		"bad URL":         {[]string{"set", "x", "--out", "tcp://b:2", "--http", "b:3"}, exitUsage, "is no URL"},
		"unknown option":  {[]string{"set", "half", "--set", "colour=red"}, exitUsage, `an option "colour"`},
		"bad option":      {[]string{"set", "half", "--set", "timeout=red"}, exitUsage, "duration"},
		"unset of none":   {[]string{"set", "half", "--unset", "timeout"}, exitUsage, `no option "timeout" to forget`},
		"unknown context": {[]string{"show", "x"}, exitUsage, `there is no context "x"`},
		"remove none":     {[]string{"rm", "x"}, exitUsage, `there is no context "x"`},
		"use none":        {[]string{"use", "x"}, exitUsage, `there is no context "x"`},
		"use what":        {[]string{"use"}, exitUsage, "or --none"},
		"bad file":        {[]string{"show", "bad"}, exitError, "bad.toml, line 1"},
		"odd file":        {[]string{"show", "odd"}, exitError, "odd.toml: unknown key"},
		"no command":      {nil, exitUsage, "takes ls, rm, set, show or use"},
		"unknown command": {[]string{"sow"}, exitUsage, `no command "sow"; is it set or show?`},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, said := try(t, "", append([]string{"context"}, c.args...)...)
			require.Equal(t, c.code, code, said)
			require.Contains(t, said, c.says)
			require.Empty(t, out)
		})
	}
	code, out, said := try(t, "", "context", "ls")
	require.Equal(t, exitOK, code)
	require.Equal(t, `{"name":"half","out":"tcp://b:2","used":false}`+"\n", out)
	require.Contains(t, said, "bad.toml", "one that cannot be read hides no other")
}

func TestAContextStandsForAnAddress(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	_, at := startOffice(t)
	code, _, said := try(t, "", "context", "set", "lab", "--in", at["in"], "--out", at["out"])
	require.Equal(t, exitOK, code, said)
	sub := start(t, nil, "sub", "--context", "lab", "-n1", "a/")
	t.Setenv(contextVariable, "lab")
	code, _, said = try(t, "", "pub", "--wait", "30s", "a/1", "2")
	require.Equal(t, exitOK, code, said)
	require.Contains(t, sub.line(t), `"topic":"a/1"`)
	require.Equal(t, exitOK, sub.end(t))
}
