package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/observe"
)

func TestTopCountsByOriginAsCSV(t *testing.T) {
	_, at := startOffice(t)
	top := start(t, nil, "top", at["out"], "--csv", "--by", "origin", "--interval", "20ms", "--cpu", "-1")
	lines := strings.Repeat(`{"topic":"t","origin":"a","data":1}`+"\n"+`{"topic":"u","origin":"a","data":2}`+"\n"+`{"topic":"t","origin":"b","data":3}`+"\n", 100)
	code, _, err := try(t, lines, "pub", "--wait", "60s", at["in"])
	require.Equal(t, exitOK, code, err)
	heading := top.line(t)
	require.Equal(t, "time,origin,rate,bandwidth,envelopes,total,delay,jitter,lost", heading)
	total := map[string]int{}
	for total["a"] < 200 || total["b"] < 100 {
		fields, err := csv.NewReader(strings.NewReader(top.line(t))).Read()
		require.NoError(t, err)
		total[fields[1]], err = strconv.Atoi(fields[5])
		require.NoError(t, err)
	}
	require.Equal(t, map[string]int{"a": 200, "b": 100}, total)
}

func TestTopOnce(t *testing.T) {
	at := reportingOffice(t)
	code, _, err := try(t, "", "top", at["out"], "--once", "--interval", "10ms")
	require.Equal(t, exitNothing, code)
	require.Contains(t, err, "nothing passed")
	code, out, err := try(t, "", "top", at["out"], "--once", "--interval", "10ms", "--by", "peer")
	require.Equal(t, exitOK, code, err)
	var r peerRow
	require.NoError(t, json.Unmarshal([]byte(strings.Split(out, "\n")[0]), &r))
	require.Equal(t, "postoffice/hub/1", r.Of)
}

// screenOf makes a screen of the given size, with topics t0, t1, ... of which t1 has lost one.
func screenOf(width, height, topics int) *topModel {
	m := &topModel{view: newTopView("tcp://127.0.0.1:6001"), interval: time.Second}
	m.Update(tea.WindowSizeMsg{Width: width, Height: height})
	s := observe.Sample{At: time.Now(), Elapsed: time.Second, Observed: time.Second, Rows: [][]observe.Row{nil, nil}, Other: make([]observe.Row, 2)}
	for i := range topics {
		r := observe.Row{Name: fmt.Sprintf("t%d", i), Count: uint64(i + 1), Bytes: uint64(1000 - i)}
		if i == 1 {
			r.Lost = 1
		}
		s.Rows[0] = append(s.Rows[0], r)
	}
	s.Rows[1] = []observe.Row{{Name: "me", Count: 1}}
	m.Update(topSample{sample: s})
	return m
}

func press(m *topModel, keys ...string) {
	codes := map[string]rune{"tab": tea.KeyTab, "left": tea.KeyLeft, "right": tea.KeyRight, "down": tea.KeyDown, "pgdown": tea.KeyPgDown, "end": tea.KeyEnd, "home": tea.KeyHome}
	for _, key := range keys {
		if code, ok := codes[key]; ok {
			m.Update(tea.KeyPressMsg{Code: code})
		} else {
			m.Update(tea.KeyPressMsg{Code: rune(key[0]), Text: key})
		}
	}
}

// lines is what the screen shows.
func lines(m *topModel) []string { return strings.Split(m.View().Content, "\n") }

var colours = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// plain is a line without its colours.
func plain(line string) string { return colours.ReplaceAllString(line, "") }

func TestTheScreenFits(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {200, 50}, {40, 10}, {20, 7}} {
		m := screenOf(size[0], size[1], 100)
		for range topViews {
			got := lines(m)
			require.Len(t, got, size[1])
			for _, line := range got {
				require.LessOrEqual(t, lipgloss.Width(line), size[0], "%q", line)
			}
			press(m, "tab")
		}
	}
}

func TestKeysSortAndScroll(t *testing.T) {
	m := screenOf(80, 24, 100)
	first := func() string { return strings.Fields(plain(lines(m)[4]))[0] }
	require.Equal(t, "t99", first(), "the greatest rate")
	press(m, "right")
	require.Equal(t, "t0", first(), "the greatest bandwidth")
	press(m, "r")
	require.Equal(t, "t99", first())
	press(m, "r", "left", "left", "left")
	require.Equal(t, "t0", first(), "by name")
	press(m, "down")
	require.Equal(t, "t1", first())
	press(m, "end")
	require.Contains(t, plain(lines(m)[23]), "83-100 of 100")
	press(m, "home")
	require.Equal(t, "t0", first())
	press(m, "tab")
	require.Equal(t, "me", first())
	press(m, "3")
	require.Contains(t, strings.Join(lines(m), "\n"), "no post office reports its peers here")
	press(m, "1", "p")
	require.Contains(t, lines(m)[0], "paused")
	m.Update(topSample{sample: observe.Sample{Rows: [][]observe.Row{nil, nil}, Other: make([]observe.Row, 2)}})
	require.Equal(t, 100, m.view.length(), "a paused screen stays")
	_, quit := m.Update(tea.KeyPressMsg{Code: 'q', Text: "q"})
	require.NotNil(t, quit)
}

func TestWhatLosesIsRed(t *testing.T) {
	m := screenOf(80, 24, 3)
	red := styleRed.Render("x")
	red = red[:strings.Index(red, "x")]
	for _, line := range lines(m) {
		require.Equal(t, strings.HasPrefix(plain(line), "t1 "), strings.HasPrefix(line, red), "%q", line)
	}
}
