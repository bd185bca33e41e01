package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/internal/errno"
	"github.com/hermes-zmq/hermes/internal/latch"
)

// soon is how long a test waits before it calls something broken.
const soon = 2 * time.Minute

// TestMain keeps the contexts of whom the tests run for out of them.
func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "hermes-config-")
	if err != nil {
		panic(err)
	}
	os.Setenv("XDG_CONFIG_HOME", folder)
	os.Unsetenv(contextVariable)
	code := m.Run()
	os.RemoveAll(folder)
	os.Exit(code)
}

// buffer is a bytes.Buffer for two goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// try runs a command that ends by itself.
func try(t *testing.T, stdin string, args ...string) (code int, out, err string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	var stdout, stderr buffer
	code = run(ctx, streams{in: strings.NewReader(stdin), out: &stdout, err: &stderr}, args)
	require.NoError(t, ctx.Err(), "hermes %v did not end; it said %s", args, stderr.String())
	return code, stdout.String(), stderr.String()
}

// running is a command beside the test.
type running struct {
	lines  chan string // of its standard output
	stderr buffer
	cancel func()
	code   chan int
}

func start(t *testing.T, stdin io.Reader, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, w := io.Pipe()
	c := &running{lines: make(chan string), cancel: cancel, code: make(chan int, 1)}
	go func() {
		c.code <- run(ctx, streams{in: stdin, out: w, err: &c.stderr}, args)
		w.Close()
	}()
	ended := make(chan struct{})
	go func() {
		defer close(c.lines)
		for lines := bufio.NewScanner(r); lines.Scan(); {
			select {
			case c.lines <- lines.Text():
			case <-ended:
				return
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		close(ended)
		r.Close()
	})
	return c
}

func (c *running) line(t *testing.T) string {
	t.Helper()
	select {
	case line, ok := <-c.lines:
		require.True(t, ok, "it ended, and said %s", c.stderr.String())
		return line
	case <-time.After(soon):
		require.Fail(t, "it prints nothing", c.stderr.String())
		return ""
	}
}

func (c *running) end(t *testing.T) int {
	t.Helper()
	select {
	case code := <-c.code:
		return code
	case <-time.After(soon):
		require.Fail(t, "it does not end", c.stderr.String())
		return 0
	}
}

// startOffice runs a post office at ports that the system chooses.
func startOffice(t *testing.T, args ...string) (c *running, endpoints map[string]string) {
	t.Helper()
	c = start(t, nil, append([]string{"postoffice", "--in", "tcp://127.0.0.1:*", "--out", "tcp://127.0.0.1:*"}, args...)...)
	require.NoError(t, json.Unmarshal([]byte(c.line(t)), &endpoints))
	return c, endpoints
}

func TestPubReachesSub(t *testing.T) {
	_, at := startOffice(t)
	sub := start(t, nil, "sub", "--count", "2", at["out"], "a/")
	code, out, err := try(t, "", "pub", "--wait", "30s", "--name", "me", at["in"], "a/1", `{"x": [1, null]}`)
	require.Equal(t, exitOK, code, err)
	require.Empty(t, out)
	var got map[string]any
	require.NoError(t, json.Unmarshal([]byte(sub.line(t)), &got))
	require.Equal(t, "a/1", got["topic"])
	require.Equal(t, "me", got["origin"])
	require.Equal(t, map[string]any{"x": []any{1.0, nil}}, got["data"])
	require.InDelta(t, float64(time.Now().Unix()), got["ts"], 60)
	require.NotContains(t, got, "lost")

	require.Contains(t, err, "sent 1 envelope to "+at["in"])

	code, _, err = try(t, "1\n", "pub", "--wait", "30s", at["in"], "b/not for us")
	require.Equal(t, exitError, code)
	require.Contains(t, err, "connected to "+at["in"]+", but no receiver has subscribed to the topic")
	code, _, err = try(t, "1\n\n\"two\"\n", "pub", at["in"], "--wait", "30s", "a/2")
	require.Equal(t, exitOK, code, err)
	require.Contains(t, err, "sent 2 envelopes to "+at["in"])
	require.Contains(t, sub.line(t), `"topic":"a/2","origin":"hermes-pub","data":1,`)
	require.Equal(t, exitOK, sub.end(t), "after --count envelopes")
}

func TestWhatSubPrintsPubPublishes(t *testing.T) {
	_, at := startOffice(t)
	sub := start(t, nil, "sub", "--count", "2", at["out"])
	lines := `{"topic":"<a>\u2028","origin":"o","data":{"k": "v\n"},"ts":1.5,"lost":3}` + "\n" + `{"topic":"t","data":2}`
	code, _, err := try(t, lines, "pub", "--wait", "30s", at["in"])
	require.Equal(t, exitOK, code, err)
	require.Contains(t, sub.line(t), `{"topic":"<a>\u2028","origin":"o","data":{"k": "v\n"},"ts":`)
	require.Contains(t, sub.line(t), `{"topic":"t","origin":"hermes-pub","data":2,"ts":`)
	require.Equal(t, exitOK, sub.end(t))
}

func TestSubTakesOneOrigin(t *testing.T) {
	_, at := startOffice(t)
	sub := start(t, nil, "sub", "--count", "1", "--origin", "wanted", at["out"])
	lines := `{"topic":"t","origin":"other","data":1}` + "\n" + `{"topic":"t","origin":"wanted","data":2}`
	code, _, err := try(t, lines, "pub", "--wait", "30s", at["in"])
	require.Equal(t, exitOK, code, err)
	require.Contains(t, sub.line(t), `"origin":"wanted","data":2`)
}

func TestPythonsNumbersAreShownAsTheyCame(t *testing.T) {
	_, at := startOffice(t)
	sub := start(t, nil, "sub", "--count", "1", at["out"])
	code, _, err := try(t, "", "pub", "--wait", "30s", at["in"], "t", "[NaN,\n-Infinity, 123456789012345678901234567890]")
	require.Equal(t, exitOK, code, err)
	require.Contains(t, sub.line(t), `"data":[NaN, -Infinity, 123456789012345678901234567890],`)
}

func TestPostOfficeEndsWellWhenTold(t *testing.T) {
	office, at := startOffice(t, "--debug", "tcp://127.0.0.1:*", "--set", "queue.messages=7")
	require.Len(t, at, 3)
	require.NotEqual(t, at["in"], at["out"])
	office.cancel()
	require.Equal(t, exitOK, office.end(t))
	require.Contains(t, office.stderr.String(), "info")
}

func TestPostOfficeCounts(t *testing.T) {
	office, at := startOffice(t, "--stats", "10ms")
	sub := start(t, nil, "sub", "--count", "1", at["out"])
	code, _, err := try(t, "", "pub", "--wait", "30s", at["in"], "t", "1")
	require.Equal(t, exitOK, code, err)
	sub.line(t)
	var stats struct {
		Kind        string
		Time        time.Time
		Interval    float64
		Rates       map[string]float64
		InMessages  int `json:"in_messages"`
		OutMessages int `json:"out_messages"`
	}
	for stats.OutMessages == 0 {
		require.NoError(t, json.Unmarshal([]byte(office.line(t)), &stats))
		require.Equal(t, "post office", stats.Kind)
		require.WithinDuration(t, time.Now(), stats.Time, soon)
		require.Positive(t, stats.Interval)
	}
	require.InDelta(t, 1/stats.Interval, stats.Rates["out_messages"], 1e-6, "one, since the line before")
	require.Contains(t, stats.Rates, "dropped")
	require.Equal(t, 1, stats.InMessages)
	office.cancel()
	for line := range office.lines { // the last line has the final counters
		require.NoError(t, json.Unmarshal([]byte(line), &stats))
	}
	require.Equal(t, exitOK, office.end(t))
	require.Equal(t, 1, stats.OutMessages)
}

func TestSubEndsWellWhenTold(t *testing.T) {
	_, at := startOffice(t)
	sub := start(t, nil, "sub", at["out"])
	sub.cancel()
	require.Equal(t, exitOK, sub.end(t))
}

func TestPubEndsWhenToldWhileItReads(t *testing.T) {
	_, at := startOffice(t)
	start(t, nil, "sub", at["out"])
	stdin, w := io.Pipe()
	defer w.Close()
	pub := start(t, stdin, "pub", "--wait", "30s", at["in"], "t")
	_, err := io.WriteString(w, "1\n") // it is reading
	require.NoError(t, err)
	pub.cancel()
	require.Equal(t, exitOK, pub.end(t))
}

func TestPubSaysThatItCannotConnect(t *testing.T) {
	for _, stdin := range []string{"", "1\n2\n"} {
		args := []string{"pub", "tcp://127.0.0.1:1", "t", "--wait", "1s"}
		if stdin == "" {
			args = append(args, "1")
		}
		code, _, err := try(t, stdin, args...)
		require.Equal(t, exitNothing, code)
		require.Contains(t, err, "hermes pub: nothing was published within 1s: cannot connect to tcp://127.0.0.1:1: ")
		require.Contains(t, err, "connection refused")
	}
}

func TestPubSaysThatNoReceiverHasSubscribed(t *testing.T) {
	_, at := startOffice(t)
	code, _, err := try(t, "", "pub", "--wait", "1s", at["in"], "t", "1")
	require.Equal(t, exitNothing, code)
	require.Contains(t, err, "nothing was published within 1s: connected to "+at["in"]+", but no receiver has subscribed to anything")
	code, _, err = try(t, "", "pub", "--wait", "1s", at["out"], "t", "1")
	require.Equal(t, exitNothing, code)
	require.Contains(t, err, at["out"]+" is the address for receivers; publishers connect to "+at["in"])
}

// TestInputIsCheckedBeforeAnythingIsWaitedFor: there is no post office, and no end of waiting.
func TestInputIsCheckedBeforeAnythingIsWaitedFor(t *testing.T) {
	for _, c := range []struct {
		stdin string
		args  []string
		says  string
	}{
		{"", []string{"t", "{"}, "{ is not JSON"},
		{"", []string{"t", "hello"}, `a string needs quotation marks, as in '"hello"'`},
		{"hello\n", []string{"t"}, "line 1: hello is not JSON"},
		{"{}\n", nil, "line 1: not an envelope; write one as"},
		{"{\"topic\": 1, \"data\": 1}\n", nil, "line 1: not an envelope; write one as"},
		{"7\n", nil, "line 1: not an envelope; write one as"},
		{"", []string{"t", ""}, "the value is empty"},
	} {
		want := exitError
		if c.stdin == "" {
			want = exitUsage
		}
		code, _, err := try(t, c.stdin, append([]string{"pub", "--wait", "1h", "tcp://127.0.0.1:1"}, c.args...)...)
		require.Equal(t, want, code)
		require.Contains(t, err, c.says)
	}
}

func TestWhatSubPrintsCanBePublishedAgain(t *testing.T) {
	_, at := startOffice(t)
	sub := start(t, nil, "sub", at["out"], "--count", "2")
	lines := `{"topic":"a","origin":"NaN","data":[NaN,-Infinity,{"NaN":"\"Infinity"}]}` + "\n" +
		`{"data": 7 , "topic": "b", "ts": 5}` + "\n"
	code, _, err := try(t, lines, "pub", at["in"], "--wait", "30s")
	require.Equal(t, exitOK, code, err)
	require.Contains(t, sub.line(t), `{"topic":"a","origin":"NaN","data":[NaN,-Infinity,{"NaN":"\"Infinity"}],`)
	require.Contains(t, sub.line(t), `"data":7,`)
	require.Equal(t, exitOK, sub.end(t))
}

func TestFlagsMayStandAnywhere(t *testing.T) {
	_, at := startOffice(t)
	sub := start(t, nil, "sub", at["out"], "a/", "--count", "1", "b/", "--name=me")
	code, _, err := try(t, "", "pub", at["in"], "b/1", "--wait", "30s", "--", "-5")
	require.Equal(t, exitOK, code, err)
	require.Contains(t, sub.line(t), `"topic":"b/1","origin":"hermes-pub","data":-5,`)
	require.Equal(t, exitOK, sub.end(t))
}

func TestSubEndsWhenItsReaderHasGone(t *testing.T) {
	_, at := startOffice(t)
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer w.Close()
	var stderr buffer
	code := make(chan int, 1)
	go func() { code <- run(context.Background(), streams{out: w, err: &stderr}, []string{"sub", at["out"]}) }()
	require.Eventually(t, func() bool { return strings.Contains(stderr.String(), "connected") }, soon, time.Millisecond)
	require.NoError(t, r.Close())
	select {
	case c := <-code:
		require.Equal(t, exitOK, c)
	case <-time.After(soon):
		require.Fail(t, "it goes on")
	}
}

func TestAttemptsAreNotPrintedOneByOne(t *testing.T) {
	sub := start(t, nil, "sub", "--set", "reconnect.max=1ms", "--set", "reconnect.min=1ms", "tcp://127.0.0.1:1")
	require.Eventually(t, func() bool { return strings.Contains(sub.stderr.String(), "connection refused") }, soon, time.Millisecond)
	sub.cancel()
	require.Equal(t, exitOK, sub.end(t))
	require.Equal(t, 1, strings.Count(sub.stderr.String(), "connection refused"), sub.stderr.String())
	require.Contains(t, sub.stderr.String(), "warning")
}

func TestMistakesAreNamed(t *testing.T) {
	office, at := startOffice(t)
	start(t, nil, "sub", at["out"])
	for _, c := range []struct {
		name, stdin string
		args        []string
		code        int
		says        string
	}{
		{"no command", "", nil, exitUsage, "usage:"},
		{"unknown command", "", []string{"fly"}, exitUsage, `"fly"`},
		{"unknown flag", "", []string{"sub", "--fly", "x"}, exitUsage, "--fly"},
		{"unknown flag behind an address", "", []string{"sub", "tcp://127.0.0.1:1", "--fly"}, exitUsage, "--fly"},
		{"mistyped flag", "", []string{"sub", "--timout", "5"}, exitUsage, "unknown flag: --timout; did you mean --timeout?"},
		{"mistyped flag with a value", "", []string{"pub", "--cuont=5"}, exitUsage, "did you mean --count?"},
		{"flag without a value", "", []string{"sub", "tcp://127.0.0.1:1", "--count"}, exitUsage, "--count"},
		{"flag with one dash", "", []string{"sub", "tcp://127.0.0.1:1", "-count", "1"}, exitUsage, "two dashes: --count"},
		{"value that begins with a dash", "", []string{"pub", "tcp://127.0.0.1:1", "t", "-5"}, exitUsage, "write -- before"},
		{"negative count", "", []string{"sub", "--count", "-1", "x"}, exitUsage, "negative"},
		{"negative wait", "", []string{"pub", "--wait", "-1s", "x"}, exitUsage, "negative"},
		{"negative flush", "", []string{"pub", "--flush", "-1s", "x"}, exitUsage, "negative"},
		{"help of what", "", []string{"help", "fly"}, exitUsage, `"fly"`},
		{"help of two", "", []string{"help", "sub", "pub"}, exitUsage, "one command"},
		{"flag of options", "", []string{"options", "receiver", "--fly"}, exitUsage, "--fly"},
		{"flag of version", "", []string{"--version", "--fly"}, exitUsage, "--fly"},
		{"no address", "", []string{"sub"}, exitUsage, "address"},
		{"too many arguments", "", []string{"pub", "a", "b", "c", "d"}, exitUsage, "address"},
		{"an argument too many", "", []string{"postoffice", "x"}, exitUsage, "x"},
		{"a negative interval", "", []string{"postoffice", "--stats", "-1s"}, exitUsage, "negative"},
		{"bad address", "", []string{"sub", "nowhere"}, exitUsage, `"nowhere"`},
		{"bad address to publish to", "", []string{"pub", "tcp://127.0.0.1:1x"}, exitUsage, "1x is no port"},
		{"no port", "", []string{"postoffice", "--in", "tcp://127.0.0.1"}, exitUsage, "the port is missing"},
		{"bad address of the copy", "", []string{"postoffice", "--debug", "tcp://:5"}, exitUsage, "the host is missing"},
		{"address of another engine", "", []string{"sub", "--set", "engine=zmtp", "ws://127.0.0.1:1"}, exitUsage, "ws://127.0.0.1:1"},
		{"path too long", "", []string{"postoffice", "--in", "ipc://" + strings.Repeat("x", 108)}, exitUsage, "107 are the most"},
		{"no name", "", []string{"pub", "--name", "", "tcp://127.0.0.1:1", "t", "1"}, exitUsage, "needs a name"},
		{"topic that is no UTF-8", "", []string{"sub", "tcp://127.0.0.1:1", "\xff"}, exitUsage, "UTF-8"},
		{"topic to publish that is no UTF-8", "", []string{"pub", "--wait", "1h", "tcp://127.0.0.1:1", "\xff", "1"}, exitUsage, "UTF-8"},
		{"the same, line by line", "1\n", []string{"pub", "--wait", "1h", "tcp://127.0.0.1:1", "\xff"}, exitUsage, "UTF-8"},
		{"origin that is no UTF-8", "", []string{"sub", "--origin", "\xff", "tcp://127.0.0.1:1"}, exitUsage, "UTF-8"},
		{"bad value of an option", "", []string{"sub", "--set", "timeout=x", "tcp://127.0.0.1:1"}, exitUsage, "duration"},
		{"bad setting", "", []string{"sub", "--set", "x", "tcp://127.0.0.1:1"}, exitUsage, "key=value"},
		{"unknown option", "", []string{"sub", "--set", "x=1", "tcp://127.0.0.1:1"}, exitUsage, `"x"`},
		{"address in use", "", []string{"postoffice", "--in", at["in"], "--out", "tcp://127.0.0.1:*"}, exitError, at["in"]},
		{"bad value", "", []string{"pub", "--wait", "30s", at["in"], "t", "{"}, exitUsage, "JSON"},
		{"bad line", "1\n{\n", []string{"pub", "--wait", "30s", at["in"], "t"}, exitError, "line 2"},
		{"not an envelope", "{}\n", []string{"pub", "--wait", "30s", at["in"]}, exitError, "line 1"},
		{"unknown kind", "", []string{"options", "bird"}, exitUsage, `"bird"`},
		{"no kind", "", []string{"options"}, exitUsage, "kind"},
		{"version of what", "", []string{"version", "x"}, exitUsage, "no arguments"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, _, err := try(t, c.stdin, c.args...)
			require.Equal(t, c.code, code, err)
			require.Contains(t, err, c.says)
		})
	}
	office.cancel()
	require.Equal(t, exitOK, office.end(t))
}

func TestHelp(t *testing.T) {
	code, out, _ := try(t, "", "help")
	require.Equal(t, exitOK, code)
	for _, c := range newRoot(streams{}).Commands() {
		if c.Hidden {
			continue
		}
		require.Contains(t, out, "  "+c.Name()+" ")
		require.Contains(t, out, c.Short)
		var same []string
		for _, args := range [][]string{{"help", c.Name()}, {c.Name(), "--help"}, {c.Name(), "-h"}} {
			code, out, err := try(t, "", args...)
			require.Equal(t, exitOK, code)
			require.Empty(t, err, "help goes to standard output")
			require.Contains(t, out, "usage: hermes "+c.Name())
			same = append(same, out)
		}
		require.Equal(t, []string{same[0], same[0]}, same[1:])
	}
	_, out, _ = try(t, "", "help", "postoffice")
	require.Contains(t, out, "--debug")
}

func TestVersion(t *testing.T) {
	for _, word := range []string{"version", "--version"} {
		code, out, _ := try(t, "", word)
		require.Equal(t, exitOK, code)
		require.Equal(t, core.Version+"\n", out)
	}
}

// unread is a pipe of some lines that is full from then on, until the test ends.
type unread struct {
	lines chan string
	full  latch.Latch // open once a write waits
	end   <-chan struct{}
}

func (u *unread) Write(p []byte) (int, error) {
	select {
	case u.lines <- string(p):
		return len(p), nil
	default:
	}
	u.full.Set(true)
	<-u.end
	return 0, errno.EPIPE
}

func TestACommandEndsThoughItsOutputIsNotRead(t *testing.T) {
	_, at := startOffice(t)
	for _, c := range []struct {
		code int
		args []string
	}{
		{exitOK, []string{"postoffice", "--in", "tcp://127.0.0.1:*", "--out", "tcp://127.0.0.1:*", "--stats", "1ms"}},
		{exitError, []string{"sub", at["out"]}},
	} {
		out := &unread{lines: make(chan string, 3), end: t.Context().Done()}
		ctx, cancel := context.WithCancel(t.Context())
		var stderr buffer
		code := make(chan int, 1)
		go func() { code <- run(ctx, streams{in: strings.NewReader(""), out: out, err: &stderr}, c.args) }()
		for c.args[0] == "sub" && !out.full.IsOpen() {
			code, _, err := try(t, "", "pub", "--wait", "30s", at["in"], "t", "1")
			require.Equal(t, exitOK, code, err)
		}
		<-out.full.Opened()
		cancel()
		select {
		case got := <-code:
			require.Equal(t, c.code, got, stderr.String())
		case <-time.After(soon):
			require.Fail(t, "it goes on", c.args)
		}
		if c.code == exitError {
			require.Contains(t, stderr.String(), errNotRead.Error())
		}
	}
}

// full is a place where no more can be written.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errno.ENOSPC }

// TestWhatCannotBePrintedIsAnError: a script that reads it must not take nothing for an answer.
func TestWhatCannotBePrintedIsAnError(t *testing.T) {
	for _, args := range [][]string{{"version"}, {"--version"}, {"options", "receiver"}, {"options", "markdown"}, {"help"}, {"help", "sub"}, {"sub", "--help"},
		{"postoffice", "--in", "tcp://127.0.0.1:*", "--out", "tcp://127.0.0.1:*"}} {
		var stderr buffer
		code := run(t.Context(), streams{in: strings.NewReader(""), out: full{}, err: &stderr}, args)
		require.Equal(t, exitError, code, "%v: %s", args, stderr.String())
		require.Contains(t, stderr.String(), "no space left on device", args)
	}
}

func TestOptionsAreListed(t *testing.T) {
	for _, kind := range kinds {
		code, out, _ := try(t, "", "options", kind)
		require.Equal(t, exitOK, code)
		require.Contains(t, out, "heartbeat.interval")
		_, markdown, _ := try(t, "", "options", "markdown")
		require.Contains(t, markdown, "## "+kind+"\n")
	}
}

// TestTheLibraryHasNothingOfTheCommand: what the command alone needs must not become part of it.
func TestTheLibraryHasNothingOfTheCommand(t *testing.T) {
	list := func(of string) string {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", of).Output()
		require.NoError(t, err)
		return string(out)
	}
	for _, module := range []string{"spf13/pflag", "spf13/cobra", "charm.land/lipgloss", "schollz/progressbar", "golang.org/x/term", "prometheus/client_golang",
		"charm.land/bubbletea", "HdrHistogram/hdrhistogram-go", "expr-lang/expr", "coreos/go-systemd"} {
		require.Contains(t, list("."), module)
		require.NotContains(t, list("../../capi"), module)
	}
}
