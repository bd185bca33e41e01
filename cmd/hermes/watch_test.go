package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// thousand is 1,000 envelopes on three topics, and what each topic has: envelopes, and bytes of
// topic, origin and data.
func thousand() (lines string, counts, bytes map[string]uint64) {
	var b strings.Builder
	counts, bytes = map[string]uint64{}, map[string]uint64{}
	for i := range 1000 {
		topic := []string{"t/a", "t/bb", "u/ccc"}[i*i%3]
		data := fmt.Sprintf(`{"n":%d}`, i)
		fmt.Fprintf(&b, `{"topic":%q,"origin":"me","data":%s}`+"\n", topic, data)
		counts[topic]++
		bytes[topic] += uint64(len(topic) + len("me") + len(data))
	}
	return b.String(), counts, bytes
}

// seenWhile runs a command that watches, publishes lines, and adds up a number of its output by
// topic until it is total.
func seenWhile(t *testing.T, lines, number string, total uint64, args ...string) map[string]uint64 {
	t.Helper()
	_, at := startOffice(t)
	c := start(t, nil, append(args, at["out"], "--watch", "--window", "20ms", "--cpu", "-1")...)
	code, _, err := try(t, lines, "pub", "--wait", "60s", at["in"])
	require.Equal(t, exitOK, code, err)
	sum, all := map[string]uint64{}, uint64(0)
	for all < total {
		var line map[string]any
		require.NoError(t, json.Unmarshal([]byte(c.line(t)), &line))
		n := uint64(line[number].(float64))
		sum[line["topic"].(string)] += n
		all += n
		require.Equal(t, 0.0, line["lost"], "%v", line)
	}
	c.cancel()
	for range c.lines { // the last window is printed too
	}
	require.Equal(t, exitOK, c.end(t))
	return sum
}

func TestWhatWatchesCountsExactly(t *testing.T) {
	lines, counts, bytes := thousand()
	for _, command := range []string{"topics", "hz", "delay"} {
		require.Equal(t, counts, seenWhile(t, lines, "envelopes", 1000, command), command)
	}
	all := uint64(0)
	for _, n := range bytes {
		all += n
	}
	require.Equal(t, bytes, seenWhile(t, lines, "bytes", all, "bw"))
}

func TestOnlyTheTopicsThatWereAskedForAreSeen(t *testing.T) {
	_, at := startOffice(t)
	c := start(t, nil, "topics", at["out"], "t/a", "--watch", "--window", "20ms")
	lines, counts, _ := thousand()
	code, _, err := try(t, lines, "pub", "--wait", "60s", at["in"])
	require.Equal(t, exitOK, code, err)
	for n := uint64(0); n < counts["t/a"]; {
		var line topicLine
		require.NoError(t, json.Unmarshal([]byte(c.line(t)), &line))
		require.Equal(t, "t/a", line.Topic)
		require.Equal(t, []string{"me"}, line.Origins)
		n += line.Count
	}
}

func TestOneWindowEndsByItself(t *testing.T) {
	_, at := startOffice(t)
	code, out, err := try(t, "", "hz", at["out"], "--window", "10ms")
	require.Equal(t, exitNothing, code)
	require.Empty(t, out)
	require.Contains(t, err, "nothing passed at "+at["out"]+" within 10ms: connected, but nothing is published there")
}

func TestWrongCommandLinesOfWhatWatches(t *testing.T) {
	for _, args := range [][]string{
		{"hz", "tcp://127.0.0.1:1", "--sort", "speed"}, {"bw", "tcp://127.0.0.1:1", "--window", "0s"},
		{"top", "tcp://127.0.0.1:1", "--by", "room"}, {"top", "tcp://127.0.0.1:1", "--sort", "x"}, {"top", "tcp://127.0.0.1:1", "--interval", "1ms"},
		{"peers", "tcp://127.0.0.1:1", "--sort", "x"}, {"ping", "tcp://127.0.0.1:1", "--count", "-1"}, {"ping", "inproc://x"},
		{"bench", "--size", "1"}, {"bench", "tcp://127.0.0.1:1"}, {"doctor", "tcp://127.0.0.1:1", "word"},
	} {
		code, _, err := try(t, "", args...)
		require.Equal(t, exitUsage, code, "%v: %s", args, err)
	}
}

// TestAnAddressWhereNoProgramListens: all commands that need a post office say by the same exit code that there is none.
func TestAnAddressWhereNoProgramListens(t *testing.T) {
	const none = "ipc:///nonexistent/socket"
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	recording := recordingOf(t, 10)
	for _, args := range [][]string{
		{"sub", none, "--timeout", "50ms"}, {"sub", none, "--last", "--timeout", "50ms"}, {"topics", none, "--timeout", "50ms"},
		{"hz", none, "--timeout", "50ms"}, {"top", none, "--once", "--timeout", "50ms"}, {"peers", none, "--timeout", "50ms"},
		{"pub", none, "a", "1", "--wait", "50ms"}, {"play", recording, none, "--wait", "50ms"},
		{"ping", none, "--timeout", "50ms"}, {"ping", none, none, "--timeout", "50ms"}, {"bench", none, none, "--timeout", "50ms"},
		{"record", none, "--min-free", "0", "--duration", "50ms", "--output", filepath.Join(t.TempDir(), "a.mcap")},
		{"audit", none, "--timeout", "50ms"},
	} {
		code, _, err := try(t, "", args...)
		require.Equal(t, exitNothing, code, "%v: %s", args, err)
	}
	code, _, err := try(t, "", "topics", none, "--timeout", "50ms")
	require.Equal(t, exitNothing, code)
	require.Contains(t, err, "check that the post office is running")
}
