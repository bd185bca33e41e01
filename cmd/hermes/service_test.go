package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/core"
)

// configured writes a file for --config, with addresses at free ports in front.
func configured(t *testing.T, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "postoffice.toml")
	reconfigure(t, path, text)
	return path
}

func reconfigure(t *testing.T, path, text string) {
	t.Helper()
	text = "in = \"tcp://127.0.0.1:*\"\nout = \"tcp://127.0.0.1:*\"\n" + text
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

func TestAPostOfficeTakesItsSettingsFromAFile(t *testing.T) {
	path := configured(t, "log-format = \"json\"\ndebug = \"tcp://127.0.0.1:*\"\nstats = \"1ms\"\n[set]\nqueue.messages = 7\n")
	t.Setenv("HERMES_SET_CACHE_DEPTH", "3")
	t.Setenv("HERMES_LOG_FROMAT", "json")
	office := start(t, nil, "postoffice", "--config", path)
	var endpoints map[string]string
	require.NoError(t, json.Unmarshal([]byte(office.line(t)), &endpoints))
	require.Contains(t, endpoints, "debug")
	require.Contains(t, office.line(t), `"in_messages":0`)
	office.says(t, `"kind":"started"`)
	office.says(t, `did you mean HERMES_LOG_FORMAT?`)
	office.cancel()
	for range office.lines { // until its end
	}
	require.Zero(t, office.end(t))
}

func TestSettingsThatAreWrongEndThePostOffice(t *testing.T) {
	audit := fmt.Sprintf("[set]\naudit.file = %q\n", filepath.Join(t.TempDir(), "audit"))
	for text, want := range map[string]string{
		"inn = 1\n":                      `.toml:3: there is no setting "inn"; did you mean "in"?`,
		"stats = \"-1s\"\n":              `.toml:3: --stats cannot be negative`,
		"log-level = \"x\"\n":            `.toml:3: --log-level: there is no level "x"; there are debug`,
		"log-format = \"x\"\n":           `.toml:3: --log-format: there is no format "x"`,
		"debug = \"udp://x\"\n":          `.toml:3: bad address`,
		"[set]\nqueue.full = \"x\"\n":    `.toml:4: option "queue.full" of post office`,
		"[set]\nquue.full = \"x\"\n":     `did you mean "queue.full"?`,
		"policy = \"/nowhere/p.toml\"\n": `.toml:3: option "policy"`,
		"site = \"x\"\n":                 `--site is for a post office that joins others`,
		audit:                            `option audit.file is set, but not policy`,
	} {
		path := configured(t, text)
		code, _, err := try(t, "", "postoffice", "--config", path)
		require.Equal(t, exitUsage, code, text)
		require.Contains(t, err, want)
		code, out, err := try(t, "", "postoffice", "--config", path, "--check-config")
		require.Equal(t, exitError, code, text)
		require.Equal(t, path+": not valid\n", out)
		require.Contains(t, err, want)
	}
	code, _, err := try(t, "", "postoffice", "--config", "/nowhere/x.toml")
	require.Equal(t, exitUsage, code)
	require.Contains(t, err, "cannot read the configuration: open /nowhere/x.toml: no such file")
	code, _, _ = try(t, "", "postoffice", "--chek-config")
	require.Equal(t, exitUsage, code)
}

func TestAConfigurationIsCheckedWithoutDisturbingAnything(t *testing.T) {
	_, at := startOffice(t)
	path := filepath.Join(t.TempDir(), "x.toml")
	require.NoError(t, os.WriteFile(path, []byte("in = \""+at["in"]+",ipc://@taken\"\nout = [\"x\"]\n"), 0o600))
	t.Setenv("HERMES_CONFIG", path)
	code, out, err := try(t, "", "postoffice", "--check-config")
	require.Equal(t, exitError, code)
	require.Contains(t, err, path+`:2: "out" takes one value, and not a list`)
	require.Equal(t, path+": not valid\n", out)
	require.NoError(t, os.WriteFile(path, []byte("in = \""+at["in"]+",ipc://@taken\"\nout = \">"+at["out"]+"\"\n"), 0o600))
	code, out, err = try(t, "", "postoffice", "--check-config")
	require.Equal(t, exitOK, code, err)
	require.Equal(t, path+": valid\n", out, "its addresses are in use")

	code, _, err = try(t, "", "postoffice", "--check-config", "--in", "tls://*:6000")
	require.Equal(t, exitError, code)
	require.Contains(t, err, "only with a certificate")
	t.Setenv("HERMES_CONFIG", "")
	code, out, _ = try(t, "", "postoffice", "--check-config")
	require.Zero(t, code)
	require.Equal(t, "the command line and the environment: valid\n", out)
}

func TestSocketsTakeThePlaceOfAddresses(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"tcp://127.0.0.1:6000", "fd://3,fd://4"},
		{"tls://*:6000,>tcp://a:1", "tls+fd://3,tls+fd://4,>tcp://a:1"},
		{"plain+tcp://*:6000,plain+ipc:///run/x", "plain+fd://3,plain+fd://4"},
		{"", "fd://3,fd://4"},
	} {
		got, err := withSockets(c.in, []int{3, 4})
		require.NoError(t, err)
		require.Equal(t, c.want, got)
	}
	_, err := withSockets("tls://*:1,tcp://*:2", []int{3})
	require.ErrorContains(t, err, "with and without encryption")
	o := &postOfficeFlags{in: "tcp://*:1", out: "tcp://*:2"}
	require.NoError(t, o.activate(map[string][]int{"subscribers": {3}, "publishers": {4}, "debug": {5}}))
	require.Equal(t, []string{"fd://4", "fd://3", "fd://5"}, []string{o.in, o.out, o.debug})
	require.ErrorContains(t, o.activate(map[string][]int{"x.socket": {3}}), `the name "x.socket" was passed; the names are publishers`)
	o.in = "tls://*:1,tcp://*:2"
	require.ErrorContains(t, o.activate(map[string][]int{"publishers": {3}}), `the setting "in" does not fit`)
}

// sick is a post office with what a test chooses.
type sick struct {
	*core.PostOffice
	state   string
	refused uint64
}

func (s *sick) Get(key string) (string, error) {
	if key == "state" && s.state != "" {
		return s.state, nil
	}
	return s.PostOffice.Get(key)
}

func (s *sick) Stats() (stats core.PostOfficeStats) {
	stats.Refused = s.refused
	return stats
}

func TestAPostOfficeIsHealthyWhileItServes(t *testing.T) {
	office, err := core.NewPostOffice("tcp://127.0.0.1:*", "ipc://*", "")
	require.NoError(t, err)
	defer office.Close()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	s := &sick{PostOffice: office}
	h := &health{office: s}
	require.ErrorContains(t, h.check(ctx), "the post office is new")
	require.NoError(t, office.Start())
	require.NoError(t, h.check(ctx))
	require.NoError(t, office.Stop(0))
	s.state = "running"
	require.ErrorContains(t, h.check(ctx), "--in: it does not serve connections at tcp://127.0.0.1:")
	s.refused++
	require.NoError(t, h.check(ctx), "it is slow because it refuses handshakes")
}

func TestTheHealthOfAPostOfficeIsAskedFor(t *testing.T) {
	_, at := startOffice(t)
	code, out, err := try(t, "", "postoffice", "--health", "--in", at["in"], "--out", at["out"])
	require.Zero(t, code, err)
	require.Equal(t, "alive: 2 addresses are served\n", out)
	code, _, err = try(t, "", "postoffice", "--health", "--in", at["in"], "--out", "ipc:///nowhere/x")
	require.Equal(t, exitError, code)
	require.Contains(t, err, "--out: it does not serve connections at ipc:///nowhere/x")
	code, _, err = try(t, "", "postoffice", "--health", "--in", "tcp://127.0.0.1:*")
	require.Equal(t, exitUsage, code)
	require.Contains(t, err, "does not say where the post office listens")
}

func TestTheStatusIsALineOfRates(t *testing.T) {
	var before, now core.PostOfficeStats
	now.InMessages, now.OutMessages, now.Dropped = 100, 250, 10
	now.Publishers = make([]core.Peer, 2)
	require.Equal(t, "10 messages/s in, 25 out, 1 dropped; 2 publishers, 0 receivers", statusLine(before, now, 10*time.Second))
}
