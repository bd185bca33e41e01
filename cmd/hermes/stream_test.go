package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/recording"
)

// startNATS gives the URL of a NATS server with JetStream.
func startNATS(t *testing.T) string {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true})
	require.NoError(t, err)
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	require.True(t, s.ReadyForConnections(soon))
	return s.ClientURL()
}

// recordStored records what is stored.
func recordStored(t *testing.T, url, name string) recorded {
	t.Helper()
	code, out, said := try(t, "", "record", "--min-free", "0", "--stream", url, "-o", name, "t/")
	require.Equal(t, exitOK, code, said)
	var last recorded
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		require.NoError(t, json.Unmarshal([]byte(line), &last))
	}
	require.Equal(t, "ended", last.State)
	return last
}

// TestARecordingIsAddedToAStreamOnceAndRecordedFromIt: a site takes it, and what is recorded from the stream is what was played.
func TestARecordingIsAddedToAStreamOnceAndRecordedFromIt(t *testing.T) {
	name := recordingOf(t, 10)
	url := startNATS(t)
	_, at := startOffice(t, "--join", url, "--site", "north", "--durable", "t/")
	sub := start(t, nil, "sub", "--count", "10", "--set", "on_slow=ignore", "--set", "since=all", at["out"], "t/")
	var played streamed
	require.Eventually(t, func() bool { // the site makes the stream
		code, out, _ := try(t, "", "play", "--speed", "0", "--stream", url, name)
		return code == exitOK && json.Unmarshal([]byte(out), &played) == nil
	}, soon, 20*time.Millisecond)
	require.Equal(t, streamed{Envelopes: 10, Stored: 10}, played)
	code, out, said := try(t, "", "play", "--speed", "0", "--stream", url, name)
	require.Equal(t, exitOK, code, said)
	require.NoError(t, json.Unmarshal([]byte(out), &played))
	require.Equal(t, streamed{Envelopes: 10, Duplicates: 10}, played)
	for i := range 10 {
		var got struct{ Data struct{ N int } }
		require.NoError(t, json.Unmarshal([]byte(sub.line(t)), &got))
		require.Equal(t, i, got.Data.N)
	}
	again := filepath.Join(t.TempDir(), "b.mcap")
	require.EqualValues(t, 10, recordStored(t, url, again).Envelopes)
	_, first, _ := try(t, "", "log", "export", name)
	_, second, _ := try(t, "", "log", "export", again)
	require.Equal(t, withoutArrival(first), withoutArrival(second))
	code, _, said = try(t, "", "log", "verify", again)
	require.Equal(t, exitOK, code, said)

	// What was stored since a time, and what comes then.
	since := start(t, nil, "record", "--min-free", "0", "--stream", url, "--since", "1h", "--follow", "--count", "11", "-o", filepath.Join(t.TempDir(), "c.mcap"), "t/")
	require.Contains(t, since.line(t), `"state":"recording"`)
	code, _, said = try(t, "", "pub", at["in"], "t/0", "1")
	require.Equal(t, exitOK, code, said)
	require.EqualValues(t, 11, ended(t, since).Envelopes)
	require.Equal(t, exitOK, since.end(t))
	later := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	none := start(t, nil, "record", "--min-free", "0", "--stream", url, "--since", later, "--follow", "-o", filepath.Join(t.TempDir(), "d.mcap"), "t/")
	require.Contains(t, none.line(t), `"state":"recording"`)
	none.cancel()
	require.Zero(t, ended(t, none).Envelopes)
	code, _, said = try(t, "", "play", "--speed", "0", "--stream", url, "--rename", "t/=u/", name)
	require.Equal(t, exitIncomplete, code, said)
}

func TestWithoutAStreamNoFileIsLeft(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.mcap")
	code, _, said := try(t, "", "record", "--stream", startNATS(t), "-o", name)
	require.Equal(t, exitError, code, said)
	require.Contains(t, said, "no stream")
	require.NoFileExists(t, name)
	require.NoFileExists(t, name+recording.Part)
}

func TestMistakesOfStreamsAreNamed(t *testing.T) {
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"record", "--since", "1h", "tcp://127.0.0.1:1"}, "--since needs --stream"},
		{[]string{"record", "--stream", "nats://127.0.0.1:1", "--since", "later"}, "neither all"},
		{[]string{"record", "--stream", "http://127.0.0.1:1"}, "--stream"},
		{[]string{"record", "--stream", "nats://127.0.0.1:1", "--ring", "1s"}, "exclude each other"},
		{[]string{"play", "--stream", "nats://127.0.0.1:1", "a.mcap", "tcp://127.0.0.1:1"}, "no address"},
		{[]string{"play", "--stream", "nats://127.0.0.1:1", "--restamp", "a.mcap"}, "exclude each other"},
	} {
		code, _, said := try(t, "", c.args...)
		require.Equal(t, exitUsage, code, said)
		require.Contains(t, said, c.says)
	}
}
