package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// nagiosLine is what the guidelines demand of a plugin's first line.
var nagiosLine = regexp.MustCompile(`^HERMES [A-Z]+ (OK|WARNING|CRITICAL|UNKNOWN) - [^|\n]+( \|( [a-z]+=-?[0-9.]+(s|%|B|c)?;[-@~:0-9.]*;[-@~:0-9.]*)+)?\n$`)

func TestCheckOffice(t *testing.T) {
	at := reportingOffice(t)
	for _, c := range []struct {
		args []string
		code int
	}{
		{nil, checkOK}, {[]string{"--crit", "0"}, checkOK}, {[]string{"hub/1"}, checkOK},
		{[]string{"--warn", "subscribers=5:"}, checkWarning},
		{[]string{"--warn", "subscribers=5:", "--crit", "subscribers=2:"}, checkCritical},
		{[]string{"other", "--timeout", "50ms"}, checkCritical},
		{[]string{"--warn", "weight=3"}, checkUnknown}, {[]string{"--nonsense"}, checkUnknown}, {[]string{"a", "b"}, checkUnknown},
	} {
		code, out, err := try(t, "", append([]string{"check", "office", at["out"]}, c.args...)...)
		require.Equal(t, c.code, code, "%v: %s%s", c.args, out, err)
		require.Regexp(t, nagiosLine, out)
	}
}

// TestCheckOfficeSurvivesAWrongPeer: a post office serves the others, whatever one peer does.
func TestCheckOfficeSurvivesAWrongPeer(t *testing.T) {
	at := reportingOffice(t)
	code, _, _ := try(t, "", "sub", at["in"], "--timeout", "50ms")
	require.Equal(t, exitNothing, code)
	require.Eventually(t, func() bool {
		code, out, err := try(t, "", "check", "office", at["out"])
		require.Equal(t, checkOK, code, out+err)
		require.Regexp(t, nagiosLine, out)
		return strings.Contains(out, "; refused a peer: it is a receiver")
	}, time.Minute, time.Millisecond)
}

func TestCheckTopic(t *testing.T) {
	_, at := startOffice(t)
	code, out, _ := try(t, "", "check", "topic", at["out"], "t/", "--window", "20ms")
	require.Equal(t, checkCritical, code)
	require.Contains(t, out, "nothing came within 20ms")
	code, out, _ = try(t, "", "check", "topic", at["out"], "t/", "--wran", "rate=1:")
	require.Equal(t, checkUnknown, code, out)
	require.Contains(t, out, "did you mean --warn?")
	code, out, _ = try(t, "", "check", "topic", at["out"], "t/", "--window", "1000h", "--timeout", "300ms")
	require.Equal(t, checkCritical, code, out)
	require.Contains(t, out, "nothing came within", "the time limit is for all of it")
	code, _, _ = try(t, "", "check", "topic", at["out"], "t/", "--window", "20ms", "--warn", "age=60")
	require.Equal(t, checkOK, code, "it has been silent for less than a minute")
	code, _, _ = try(t, "", "check", "topic", at["out"], "t/", "--window", "20ms", "--crit", "rate=1:")
	require.Equal(t, checkCritical, code)

	pub := start(t, endless{}, "pub", at["in"], "t/1", "--every", "1ms")
	code, out, err := try(t, "", "check", "topic", at["out"], "t/", "--window", "500ms", "--json")
	require.Equal(t, checkOK, code, out+err)
	var r checkResult
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.Equal(t, "age", r.Figures[0].Name)
	require.Less(t, r.Figures[0].Value, 0.5)
	require.Positive(t, r.Figures[1].Value)
	pub.cancel()
}

// endless is the line 1, again and again.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return copy(p, "1\n"), nil }

func TestCheckReceiver(t *testing.T) {
	at := reportingOffice(t)
	sub := start(t, nil, "sub", at["out"], "--set", "stats.interval=20ms", "--set", "stats.address="+at["in"], "--set", "stats.name=screen")
	code, out, err := try(t, "", "check", "receiver", at["out"], "screen", "--prometheus")
	require.Equal(t, checkOK, code, out+err)
	require.Contains(t, out, "# TYPE hermes_check_receiver_status gauge\nhermes_check_receiver_status{name=\"screen\"} 0\n")
	require.Contains(t, out, "\nhermes_check_receiver_lag_seconds{name=\"screen\"} ")
	sub.cancel()
	code, out, _ = try(t, "", "check", "receiver", at["out"], "another", "--timeout", "50ms")
	require.Equal(t, checkCritical, code)
	require.Regexp(t, nagiosLine, out)
}

func TestTheExitCodeIsNamedInJSON(t *testing.T) {
	code, out, _ := try(t, "", "check", "topic", "ipc:///nonexistent", "t", "--timeout", "10ms", "--json")
	require.Equal(t, checkCritical, code)
	require.Contains(t, out, fmt.Sprintf(`"status":"CRITICAL","code":%d`, code))
}
