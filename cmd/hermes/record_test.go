package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// startRecord runs hermes record, and waits until it records.
func startRecord(t *testing.T, args ...string) *running {
	t.Helper()
	c := start(t, nil, append([]string{"record", "--min-free", "0"}, args...)...)
	require.Contains(t, c.line(t), `"state":"recording"`)
	return c
}

// ended is the last line of a command that records.
func ended(t *testing.T, c *running) (r recorded) {
	t.Helper()
	for r.State != "ended" {
		require.NoError(t, json.Unmarshal([]byte(c.line(t)), &r))
	}
	return r
}

// recordingOf is a file with n envelopes of the topics t/0 and t/1.
func recordingOf(t *testing.T, n int) string {
	t.Helper()
	_, at := startOffice(t)
	name := filepath.Join(t.TempDir(), "a.mcap")
	c := startRecord(t, "-o", name, "--count", "10", at["out"], "t/")
	var lines strings.Builder
	for i := range n {
		lines.WriteString(`{"topic": "t/` + string(rune('0'+i%2)) + `", "origin": "me", "data": {"n": ` + string(rune('0'+i)) + `}}` + "\n")
	}
	code, _, err := try(t, lines.String(), "pub", at["in"])
	require.Equal(t, exitOK, code, err)
	require.EqualValues(t, n, ended(t, c).Envelopes)
	require.Equal(t, exitOK, c.end(t))
	return name
}

func TestARecordingIsPlayedAgainAsItWas(t *testing.T) {
	name := recordingOf(t, 10)
	_, at := startOffice(t)
	again := filepath.Join(t.TempDir(), "b.mcap")
	c := startRecord(t, "-o", again, "--count", "10", at["out"])
	code, out, said := try(t, "", "play", "--speed", "0", name, at["in"])
	require.Equal(t, exitOK, code, said)
	var played playedRecord
	require.NoError(t, json.Unmarshal([]byte(out), &played))
	require.EqualValues(t, 10, played.Sent)
	ended(t, c)
	require.Equal(t, exitOK, c.end(t))
	_, first, _ := try(t, "", "log", "export", name)
	_, second, _ := try(t, "", "log", "export", again)
	require.Equal(t, withoutArrival(first), withoutArrival(second))
	require.Contains(t, first, `{"topic":"t/0","origin":"me","data":{"n": 0},"ts":`)
}

// withoutArrival is an export without times of arrival, which differ.
func withoutArrival(text string) (out []string) {
	for _, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, `,"received"`)
		out = append(out, line)
	}
	return out
}

func TestPlayRenamesAndRestamps(t *testing.T) {
	name := recordingOf(t, 10)
	_, at := startOffice(t)
	sub := start(t, nil, "sub", "--count", "5", at["out"])
	code, _, said := try(t, "", "play", "--restamp", "--speed", "0", "--topics", "t/0", "--rename", "t/=x/", at["in"], name)
	require.Equal(t, exitOK, code, said)
	for range 5 {
		var got struct {
			Topic, Origin string
			TS            float64
		}
		require.NoError(t, json.Unmarshal([]byte(sub.line(t)), &got))
		require.Equal(t, "x/0", got.Topic)
		require.Equal(t, "me", got.Origin)
	}
}

func TestLogCommandsReadCheckCutAndRepair(t *testing.T) {
	name := recordingOf(t, 10)
	code, out, err := try(t, "", "log", "info", name)
	require.Equal(t, exitOK, code, err)
	require.Contains(t, out, `"envelopes":10,"lost":0`)
	require.Contains(t, out, `{"topic":"t/1","origin":"me","envelopes":5}`)
	code, out, err = try(t, "", "log", "verify", name)
	require.Equal(t, exitOK, code, err)
	require.Contains(t, out, `"ok":true`)
	code, out, err = try(t, "", "log", "export", "--format", "csv", "--fields", "n,none", name)
	require.Equal(t, exitOK, code, err)
	require.Regexp(t, `^received,ts,topic,origin,lost,n,none\n[0-9.]+,[0-9.]+,t/0,me,0,0,\n`, out)

	part := filepath.Join(t.TempDir(), "part.mcap")
	code, out, err = try(t, "", "log", "cut", "--topics", "t/1", "-o", part, name)
	require.Equal(t, exitOK, code, err)
	require.Contains(t, out, `"envelopes":5`)

	file, failed := os.ReadFile(name)
	require.NoError(t, failed)
	broken := filepath.Join(t.TempDir(), "c.mcap.part")
	require.NoError(t, os.WriteFile(broken, file[:len(file)-20], 0o600))
	code, _, err = try(t, "", "log", "verify", broken)
	require.Equal(t, exitIncomplete, code, err)
	code, out, err = try(t, "", "log", "recover", broken)
	require.Equal(t, exitOK, code, err)
	require.Contains(t, out, `"messages":10`)
	code, _, err = try(t, "", "log", "verify", strings.TrimSuffix(broken, ".part"))
	require.Equal(t, exitOK, code, err)
}

// TestFlagsOfPlay: what each chooses of ten envelopes, or how often it sends them.
func TestFlagsOfPlay(t *testing.T) {
	name := recordingOf(t, 10)
	_, text, _ := try(t, "", "log", "export", name)
	var came []int64 // in microseconds
	for line := range strings.Lines(text) {
		var e struct{ Received json.Number }
		require.NoError(t, json.Unmarshal([]byte(line), &e))
		micros, err := strconv.ParseInt(strings.Replace(e.Received.String(), ".", "", 1), 10, 64)
		require.NoError(t, err)
		came = append(came, micros)
	}
	middle := came[5]
	before := uint64(0)
	for _, at := range came {
		if at < middle {
			before++
		}
	}
	date := time.UnixMicro(middle).UTC().Format(time.RFC3339Nano)
	_, at := startOffice(t)
	sub := start(t, nil, "sub", "--set", "on_slow=ignore", at["out"])
	go func() {
		for range sub.lines {
		}
	}()
	for _, c := range []struct {
		args  string
		stdin string
		want  uint64
	}{
		{"--speed 0", "", 10}, {"--speed 1000", "", 10}, {"--speed 0 --loop 3", "", 30}, {"--speed 0 --topics t/1", "", 5},
		{"--speed 0 --origin me", "", 10}, {"--speed 0 --origin other", "", 0}, {"--speed 0 --from " + date, "", 10 - before},
		{"--speed 0 --to " + date, "", before}, {"--speed 0 --from 1h", "", 0}, {"--step", "\n\n\n", 3}, {"--step --loop 2", strings.Repeat("\n", 12), 12},
	} {
		code, out, said := try(t, c.stdin, append(append([]string{"play"}, strings.Fields(c.args)...), name, at["in"])...)
		if c.want == 0 {
			require.Equal(t, exitNothing, code, "%s: %s", c.args, said)
			continue
		}
		require.Equal(t, exitOK, code, "%s: %s", c.args, said)
		var played playedRecord
		require.NoError(t, json.Unmarshal([]byte(out), &played))
		require.Equal(t, c.want, played.Sent, c.args)
	}
}

// TestFlagsOfRecord: of what is published by two origins, what each flag leaves.
func TestFlagsOfRecord(t *testing.T) {
	_, at := startOffice(t)
	var lines strings.Builder
	for i := range 40 {
		fmt.Fprintf(&lines, `{"topic":"t","origin":%q,"data":"%0100000d"}`+"\n", []string{"me", "other"}[i%2], i)
	}
	for args, right := range map[string]func(r recorded) bool{
		"--origin me --count 20": func(r recorded) bool { return r.Envelopes == 20 },
		"--rotate-size 1K --compression none --count 40":/* a chunk has a megabyte */ func(r recorded) bool { return r.Envelopes == 40 && r.Files > 1 },
		"--rotate-count 10 --count 40 --quota 1 --flush 1ms":    func(r recorded) bool { return r.Envelopes == 40 && r.Deleted > 0 },
		"--origin me --origin other --count 40 --report 1ms":    func(r recorded) bool { return r.Envelopes == 40 },
		"--duration 1h --count 5 --flush 1h --compression none": func(r recorded) bool { return r.Envelopes == 5 },
	} {
		name := filepath.Join(t.TempDir(), "a.mcap")
		c := startRecord(t, append(strings.Fields(args), "-o", name, at["out"])...)
		code, _, err := try(t, lines.String(), "pub", at["in"])
		require.Equal(t, exitOK, code, err)
		last := ended(t, c)
		require.True(t, right(last), "%s: %+v", args, last)
		require.Equal(t, exitOK, c.end(t))
		if strings.Contains(args, "--origin me --count") {
			_, text, _ := try(t, "", "log", "export", name)
			require.NotContains(t, text, `"other"`)
		}
	}
}

// ringsIn waits until there are so many files of a ring in a folder.
func ringsIn(t *testing.T, dir string, n int) (names []string) {
	t.Helper()
	require.Eventually(t, func() (there bool) {
		names, _ = filepath.Glob(dir + "/a-*.mcap")
		return len(names) == n
	}, soon, time.Millisecond)
	return names
}

func TestAnEventWritesTheRing(t *testing.T) {
	office, at := startOffice(t)
	dir := t.TempDir()
	c := startRecord(t, "-o", filepath.Join(dir, "a.mcap"), "--ring", "1h", "--on-event", "overflow,disconnected", at["out"])
	code, _, err := try(t, "", "pub", at["in"], "t", "1")
	require.Equal(t, exitOK, code, err)
	office.cancel()
	require.Equal(t, exitOK, office.end(t))
	ring := ringsIn(t, dir, 1)[0]
	_, out, _ := try(t, "", "log", "export", ring)
	require.Contains(t, out, `"data":1,`)
	c.cancel()
	ended(t, c)
	require.Equal(t, exitOK, c.end(t))
}

// TestALossWritesTheRing: what is played lacks one of three files, and has the numbers of its publisher.
func TestALossWritesTheRing(t *testing.T) {
	_, at := startOffice(t)
	dir := t.TempDir()
	c := startRecord(t, "-o", filepath.Join(dir, "part.mcap"), "--rotate-count", "1", "--count", "3", at["out"])
	code, _, err := try(t, "1\n2\n3\n", "pub", at["in"], "t")
	require.Equal(t, exitOK, code, err)
	require.EqualValues(t, 3, ended(t, c).Envelopes)
	require.Equal(t, exitOK, c.end(t))

	_, other := startOffice(t)
	c = startRecord(t, "-o", filepath.Join(dir, "a.mcap"), "--ring", "1h", "--on-loss", other["out"])
	code, _, err = try(t, "", "play", "--speed", "0", filepath.Join(dir, "part-000001.mcap"), filepath.Join(dir, "part-000003.mcap"), other["in"])
	require.Equal(t, exitOK, code, err)
	_, out, _ := try(t, "", "log", "info", ringsIn(t, dir, 1)[0])
	require.Contains(t, out, `"envelopes":2,"lost":1`)
	c.cancel()
	require.EqualValues(t, 1, ended(t, c).Lost)
	require.Equal(t, exitOK, c.end(t))
}

func TestWrongCommandLinesOfRecordings(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.mcap")
	require.NoError(t, os.WriteFile(name, []byte("text"), 0o600))
	const at = "tcp://127.0.0.1:1"
	for text, args := range map[string][]string{
		"--ring writes a file":                       {"record", "--ring", "1s", "--rotate-count", "5", at},
		"--quota deletes":                            {"record", "--quota", "1G", at},
		"give --ring as well":                        {"record", "--on-loss", at},
		"zstd or none":                               {"record", "--compression", "lz4", at},
		"is no size":                                 {"record", "--quota", "5 apples", at},
		"--flush must be":                            {"record", "--flush", "0", at},
		"takes files and one address":                {"play", at},
		"cannot be negative":                         {"play", "--speed", "-1", name, at},
		"write it as OLD=NEW":                        {"play", "--rename", "x", name, at},
		"takes at least one file":                    {"log", "info"},
		"needs --output":                             {"log", "cut", name},
		"--format is json or csv":                    {"log", "export", "--format", "xml", name},
		"--fields are columns":                       {"log", "export", "--fields", "a", name},
		"takes one file":                             {"log", "recover"},
		"takes cut, export, info, recover or verify": {"log"},
	} {
		code, _, err := try(t, "", args...)
		require.Equal(t, exitUsage, code, "%v: %s", args, err)
		require.Contains(t, err, text)
	}
	code, _, err := try(t, "", "log", "info", name)
	require.Equal(t, exitError, code)
	require.Contains(t, err, name+": not an MCAP file")
	code, _, err = try(t, "", "record", "-o", name, at)
	require.Equal(t, exitError, code)
	require.Contains(t, err, "exists")
}
