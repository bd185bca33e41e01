package logs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/core"
)

// bench is a Logger whose clock the test has.
type bench struct {
	*Logger
	out bytes.Buffer
	at  time.Time
	due []func()
	in  []time.Duration
}

func newBench(t *testing.T, o Options) *bench {
	t.Helper()
	b := &bench{at: time.Date(2026, 11, 30, 6, 0, 0, 0, time.Local)}
	o.Now = func() time.Time { return b.at }
	o.After = func(d time.Duration, f func()) func() bool {
		b.due, b.in = append(b.due, f), append(b.in, d)
		return func() bool { return true }
	}
	var err error
	b.Logger, err = New(&b.out, o)
	require.NoError(t, err)
	return b
}

// event is one of a kind, at the time of the bench.
func (b *bench) event(kind, level, text string) {
	b.Event("office", core.Event{TS: float64(b.at.UnixMicro()) / 1e6, Kind: kind, Level: level, Text: text, Address: "tcp://a:1", Peer: 7, Count: 2})
}

func (b *bench) lines() []string {
	text := b.out.String()
	b.out.Reset()
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

func TestAnEventBecomesALineWithItsKind(t *testing.T) {
	b := newBench(t, Options{})
	b.event("denied", "warning", "refused\nby tcp://a:1")
	b.Info("reloaded", "file", "/etc/x y")
	require.Equal(t, "2026-11-30 06:00:00.000 warning denied: refused; by tcp://a:1", b.lines()[0])
	b.With("kind", "reload").Warn("careful")
	require.Contains(t, b.lines()[0], " warning reload: careful")
	b.Info("reloaded", "file", "/etc/x y")
	require.Regexp(t, ` info    reloaded file="/etc/x y"$`, b.lines()[0])
}

func TestAnEventBecomesAnObject(t *testing.T) {
	b := newBench(t, Options{Format: JSON})
	b.event("denied", "warning", "refused")
	var got map[string]any
	require.NoError(t, json.Unmarshal(b.out.Bytes(), &got))
	require.Equal(t, map[string]any{
		"time": b.at.UTC().Format("2006-01-02T15:04:05.000000Z"), "level": "warning", "msg": "refused", "kind": "denied",
		"component": "office", "address": "tcp://a:1", "peer": 7.0, "count": 2.0,
	}, got)
}

func TestTheJournalHasItsPriorities(t *testing.T) {
	b := newBench(t, Options{Format: Journal, Level: slog.LevelDebug})
	b.event("retrying", "info", "no connection")
	b.event("failed", "error", "it failed")
	require.Equal(t, []string{"<7>retrying: no connection", "<3>failed: it failed"}, b.lines())
}

func TestTheLevelCanBeChanged(t *testing.T) {
	b := newBench(t, Options{})
	b.event("retrying", "info", "no connection")
	require.Empty(t, b.out.String(), "failed attempts are of level debug")
	b.SetLevel(slog.LevelError)
	b.event("denied", "warning", "refused")
	require.Empty(t, b.out.String())
	b.SetLevel(slog.LevelDebug)
	b.event("retrying", "info", "no connection")
	require.Contains(t, b.out.String(), " debug   retrying: ")
	for _, name := range Levels {
		level, err := ParseLevel(name)
		require.NoError(t, err)
		require.Equal(t, name, LevelName(level))
	}
	_, err := ParseLevel("loud")
	require.ErrorContains(t, err, `there is no level "loud"; there are debug, info, warning, error`)
	_, err = New(nil, Options{Format: "xml"})
	require.ErrorContains(t, err, `there is no format "xml"`)
}

func TestWhatComesTooOftenIsCounted(t *testing.T) {
	b := newBench(t, Options{Burst: 2})
	for i := range 5 {
		b.event("denied", "info", fmt.Sprint(i))
	}
	b.event("denied", "error", "the worst")
	b.event("lost", "warning", "another kind")
	b.Info("without a kind")
	require.Len(t, b.lines(), 4)
	require.Equal(t, []time.Duration{Window}, b.in)

	b.at = b.at.Add(30 * time.Second)
	for range 3 {
		b.event("lost", "warning", "another kind")
	}
	require.Len(t, b.lines(), 1)
	b.at = b.at.Add(30 * time.Second)
	b.due[0]() // both windows have ended
	got := b.lines()
	require.Len(t, got, 2)
	require.Regexp(t, " error   denied: 4 more of kind denied in the last minute$", got[0])
	require.Regexp(t, " warning lost: 2 more of kind lost in the last minute$", got[1])
	b.event("denied", "info", "it begins anew")
	require.Contains(t, b.lines()[0], "it begins anew")
}

func TestAWindowThatBeganLaterEndsLater(t *testing.T) {
	b := newBench(t, Options{Burst: 1})
	b.event("a", "info", "1")
	b.event("a", "info", "2")
	b.at = b.at.Add(Window / 2)
	b.event("b", "info", "1")
	b.event("b", "info", "2")
	b.lines()
	b.at = b.at.Add(Window / 2)
	b.due[0]()
	require.Contains(t, b.lines()[0], "1 more of kind a")
	require.Equal(t, Window/2, b.in[1])
	b.at = b.at.Add(Window / 2)
	b.due[1]()
	require.Contains(t, b.lines()[0], "1 more of kind b")
	require.Len(t, b.due, 2)
}

func TestClosingTellsWhatWasCounted(t *testing.T) {
	b := newBench(t, Options{Burst: 1, Format: JSON})
	b.event("a", "info", "1")
	b.event("a", "info", "2")
	b.Close()
	require.Contains(t, b.lines()[1], `"kind":"a","more":1`)
	b.event("a", "info", "3")
	require.Contains(t, b.lines()[0], `"msg":"3"`, "nothing is counted that cannot be told")
	b.due[0]()
	require.Empty(t, b.out.String())
}

func TestThereMayBeNoLimit(t *testing.T) {
	b := newBench(t, Options{Burst: -1})
	for range 3 * DefaultBurst {
		b.event("a", "info", "1")
	}
	require.Len(t, b.lines(), 3*DefaultBurst)
	b.SetBurst(0)
	for range 3 * DefaultBurst {
		b.event("b", "info", "1")
	}
	require.Len(t, b.lines(), DefaultBurst)
}

func TestEveryRecordIsWrittenOrCounted(t *testing.T) {
	var out bytes.Buffer
	l, err := New(&out, Options{Burst: 10})
	require.NoError(t, err)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 250 {
				l.Event("c", core.Event{Kind: "k", Level: "info", Text: "once"})
			}
		})
	}
	all.Wait()
	l.Close()
	require.Equal(t, 10, strings.Count(out.String(), "once"))
	require.Contains(t, out.String(), "990 more of kind k")
}

func TestTheStreamOfTheJournalIsRecognized(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	defer f.Close()
	t.Setenv("JOURNAL_STREAM", "")
	require.False(t, InJournal(f))
	info, err := f.Stat()
	require.NoError(t, err)
	t.Setenv("JOURNAL_STREAM", deviceAndInode(info))
	require.True(t, InJournal(f))
	t.Setenv("JOURNAL_STREAM", "1:2")
	require.False(t, InJournal(f))
}
