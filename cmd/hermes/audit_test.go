package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/audit"
	"github.com/hermes-zmq/hermes/core"
)

// shownOffice runs a post office that shows itself often, with a publisher and a receiver that do so too, and
// have passed n envelopes.
func shownOffice(t *testing.T, n int) (out string) {
	t.Helper()
	_, at := startOffice(t, "--set", "stats.interval=50ms", "--set", "stats.name=hub")
	r, err := core.NewReceiver(at["out"], "screen")
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	p, err := core.NewPublisher(at["in"], "desk")
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close() })
	require.NoError(t, r.Set("stats.address", at["in"]))
	for _, c := range []core.Component{r, p} {
		require.NoError(t, c.Set("stats.interval", "50ms"))
		require.NoError(t, c.Start())
		require.NoError(t, c.WaitReady(soon))
	}
	for range n {
		require.NoError(t, p.Publish("ticks", "", []byte("1")))
		_, err := r.Recv(soon)
		require.NoError(t, err)
	}
	return at["out"]
}

func TestAuditProvesThatNothingHasVanished(t *testing.T) {
	const n = 100
	out := shownOffice(t, n)
	var r audit.Report
	for end := time.Now().Add(soon); len(r.Parts) < 3 && time.Now().Before(end); { // until all have shown themselves
		code, text, err := try(t, "", "audit", out, "--timeout", "1m")
		require.Equal(t, exitOK, code, err)
		r = audit.Report{}
		require.NoError(t, json.Unmarshal([]byte(text), &r))
	}
	require.Len(t, r.Parts, 3)
	require.Len(t, r.Links, 2)
	require.Zero(t, r.Unexplained)
	require.EqualValues(t, n, r.Delivered)
	require.EqualValues(t, n, r.Accepted)
	table := balanceTable(&r).render(120)
	require.Contains(t, table, "publisher/desk > postoffice/hub")
}

// TestAuditShowsNamesAndNoEscapes: a name is what its publisher says.
func TestAuditShowsNamesAndNoEscapes(t *testing.T) {
	a, now := audit.New(), time.Unix(1, 0)
	a.Add("$hermes/publisher/p\x1b]0;title\a/stats", []byte(`{"kind":"publisher","instance":"P","state":"running"}`), 1, now)
	table := balanceTable(a.Report(now)).render(120)
	require.Contains(t, table, "publisher/p?]0;title?")
	require.NotContains(t, table, "\x1b]")
	row := peerRow{Role: "pub\x1b[2J", Of: "\x1b[2J"}
	for _, c := range peerColumns {
		require.NotContains(t, c.text(&row), "\x1b", c.name)
	}
}

func TestAuditSaysWhenItProvesNothing(t *testing.T) {
	code, _, err := try(t, "", "audit", "tcp://127.0.0.1:1", "--timeout", "200ms")
	require.Equal(t, exitNothing, code)
	require.Contains(t, err, "no component has shown itself")
	code, _, err = try(t, "", "audit", "tcp://127.0.0.1:1", "nowhere")
	require.Equal(t, exitUsage, code)
	require.Contains(t, err, "nowhere")

	std := streams{out: new(buffer), err: new(buffer)}
	report := &audit.Report{Parts: []audit.Part{{}}, Still: true, Unexplained: 3}
	require.Equal(t, exitIncomplete, codeOf(showBalance(std, &printer{out: std.out}, report)))
	report.Still = false
	require.Equal(t, exitNothing, codeOf(showBalance(std, &printer{out: std.out}, report)))
}
