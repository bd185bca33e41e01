package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/loadtest"
)

func TestBenchKeepsTheLastRun(t *testing.T) {
	state := t.TempDir()
	t.Setenv("XDG_STATE_HOME", state)
	args := []string{"bench", "--duration", "50ms", "--rate", "1000", "--topics", "2", "--compare", "--timeout", "60s"}
	var first, second benchResult
	for _, r := range []*benchResult{&first, &second} {
		code, out, err := try(t, "", args...)
		require.Equal(t, exitOK, code, err)
		require.NoError(t, json.Unmarshal([]byte(out), r))
		require.Equal(t, r.Expected, r.Received)
		require.Zero(t, r.Lost)
		count := int64(0)
		for i, b := range r.Delay.Histogram {
			require.Greater(t, b.Count, int64(0))
			require.InEpsilon(t, 2, b.To/b.From, 1e-9)
			require.True(t, i == 0 || b.From >= r.Delay.Histogram[i-1].To)
			count += b.Count
		}
		require.EqualValues(t, r.Received, count, out)
	}
	require.Equal(t, first.Delay.Histogram, second.Before.Delay.Histogram)
	require.Nil(t, first.Before)
	require.Equal(t, first.Result.Sent, second.Before.Sent)
	kept, err := filepath.Glob(filepath.Join(state, "hermes", "bench", "*"))
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(state, "hermes", "bench", "1x1-100B-2t-1000.json")}, kept)

	require.NoError(t, os.WriteFile(kept[0], []byte("["), 0o600))
	code, _, said := try(t, "", args...)
	require.Equal(t, exitError, code)
	require.Contains(t, said, "remove the file")
}

func TestBenchMeasuresAPostOfficeThatIsNamed(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	_, at := startOffice(t)
	code, out, err := try(t, "", "bench", at["in"], at["out"], "--duration", "20ms", "--rate", "500", "--receivers", "2", "--timeout", "60s")
	require.Equal(t, exitOK, code, err)
	require.Contains(t, out, `"receivers":2`)
}

func TestChangesForTheWorseAreMarked(t *testing.T) {
	for _, c := range []struct {
		now, before float64
		better      int
		text        string
		worse       bool
	}{{50, 100, 1, "-50 %", true}, {50, 100, -1, "-50 %", false}, {130, 100, -1, "+30 %", true}, {110, 100, -1, "+10 %", false}, {1, 0, 1, "-", false}} {
		text, worse := changeOf(c.now, c.before, c.better)
		require.Equal(t, c.text, text)
		require.Equal(t, c.worse, worse)
	}
	require.NotEmpty(t, benchLines)
	for _, l := range benchLines {
		require.NotEmpty(t, l.text(l.value(&loadtest.Result{})))
	}
}
