package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPingCountsRoundTrips(t *testing.T) {
	_, at := startOffice(t)
	for _, addresses := range [][]string{{at["in"]}, {at["out"]}, {at["in"], at["out"]}} {
		code, out, err := try(t, "", append([]string{"ping", "--count", "3", "--interval", "1ms", "--timeout", "60s"}, addresses...)...)
		require.Equal(t, exitOK, code, err)
		lines := strings.Split(strings.TrimSpace(out), "\n")
		require.Len(t, lines, 4)
		var sum struct{ Sent, Received, Min, P50, P99, Max, Lost float64 }
		require.NoError(t, json.Unmarshal([]byte(lines[3]), &sum))
		require.Equal(t, []float64{3, 3, 0}, []float64{sum.Sent, sum.Received, sum.Lost})
		require.True(t, 0 < sum.Min && sum.Min <= sum.P50 && sum.P50 <= sum.P99 && sum.P99 <= sum.Max, out)
	}
}

func TestPingThroughTwoPostOfficesIsInVain(t *testing.T) {
	_, one := startOffice(t)
	_, other := startOffice(t)
	code, _, err := try(t, "", "ping", one["in"], other["out"], "--timeout", "100ms")
	require.Equal(t, exitNothing, code)
	require.Contains(t, err, "are both the same post office's?")
}

func TestPingSaysWhatToDoWhereNothingListens(t *testing.T) {
	code, _, err := try(t, "", "ping", "ipc:///nonexistent/socket", "--count", "1")
	require.Equal(t, exitNothing, code)
	require.Contains(t, err, "cannot connect to ipc:///nonexistent/socket: no such file or directory; check that the post office is running")
}
