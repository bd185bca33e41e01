// Package logs writes what happens to a program as records of log/slog: as text for people, as
// JSON, or as text for the journal of systemd.
//
// An event has a kind (connected, denied, ...), and one kind can come a thousand times a second.
// So of each kind a Logger writes the first Burst records of a minute, counts the others, and says
// at the end of that minute how many there were: nothing is dropped without being counted. Records
// without a kind are always written.
//
// Level and Burst can be changed at any time. A Logger is safe for concurrent use; its lock is taken
// before that of the writer.
package logs

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hermes-zmq/hermes/core"
)

// Formats of log records.
const (
	Text    = "text"    // a line: time, level, kind, message
	JSON    = "json"    // an object a line
	Journal = "journal" // text without the time, with the priority in front, as sd-daemon(3) has it
)

// Window is the time for which the records of a kind are counted together.
const Window = time.Minute

// DefaultBurst is how many records of a kind are written in a Window.
const DefaultBurst = 20

// Options are what a Logger is made of. A zero field stands for its default.
type Options struct {
	Format string // Text
	Level  slog.Level
	Burst  int // DefaultBurst; negative: no limit

	Now   func() time.Time                                   // time.Now
	After func(d time.Duration, f func()) (stop func() bool) // time.AfterFunc
}

// Logger writes records.
type Logger struct {
	*slog.Logger
	level slog.LevelVar
	burst atomic.Int64
	now   func() time.Time
	after func(time.Duration, func()) func() bool
	next  slog.Handler // writes

	mu     sync.Mutex // guards what follows
	kinds  map[string]*window
	stop   func() bool // stops the timer of the next summary; nil: there is none
	closed bool
}

// window is what has come of one kind since it began.
type window struct {
	began   time.Time
	written int64
	more    int64      // counted and not written
	worst   slog.Level // of those
}

// New makes a Logger that writes to w.
func New(w io.Writer, o Options) (*Logger, error) {
	l := &Logger{kinds: map[string]*window{}, now: o.Now, after: o.After}
	if l.now == nil {
		l.now = time.Now
	}
	if l.after == nil {
		l.after = func(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }
	}
	l.SetLevel(o.Level)
	l.SetBurst(o.Burst)
	switch o.Format {
	case Text, "":
		l.next = &lines{to: w, level: &l.level, lock: &sync.Mutex{}}
	case Journal:
		l.next = &lines{to: w, level: &l.level, lock: &sync.Mutex{}, journal: true}
	case JSON:
		l.next = slog.NewJSONHandler(w, &slog.HandlerOptions{Level: &l.level, ReplaceAttr: asEvents})
	default:
		return nil, fmt.Errorf("there is no format %q; there are %s, %s and %s", o.Format, Text, JSON, Journal)
	}
	l.Logger = slog.New(limit{l, l.next})
	return l, nil
}

// asEvents gives times and levels the form that events have.
func asEvents(_ []string, a slog.Attr) slog.Attr {
	switch a.Key {
	case slog.LevelKey:
		return slog.String(a.Key, LevelName(a.Value.Any().(slog.Level)))
	case slog.TimeKey:
		return slog.String(a.Key, a.Value.Time().UTC().Format("2006-01-02T15:04:05.000000Z"))
	}
	return a
}

// SetLevel changes which records are written: those of a level and above.
func (l *Logger) SetLevel(level slog.Level) { l.level.Set(level) }

// SetBurst changes how many records of a kind are written in a Window.
func (l *Logger) SetBurst(n int) {
	if n == 0 {
		n = DefaultBurst
	}
	l.burst.Store(int64(n))
}

// Levels are the names of the levels, the lowest first.
var Levels = []string{"debug", "info", "warning", "error"}

var levels = map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warning": slog.LevelWarn, "error": slog.LevelError}

// ParseLevel is the level of a name.
func ParseLevel(name string) (slog.Level, error) {
	level, ok := levels[name]
	if !ok {
		return 0, fmt.Errorf("there is no level %q; there are %s", name, strings.Join(Levels, ", "))
	}
	return level, nil
}

// LevelName is the name of a level.
func LevelName(level slog.Level) string {
	switch {
	case level < slog.LevelInfo:
		return "debug"
	case level < slog.LevelWarn:
		return "info"
	case level < slog.LevelError:
		return "warning"
	}
	return "error"
}

// probed is the end of the text of an event about a health check or a port scan.
const probed = "closed by the peer before it had sent a byte"

// Event writes an event of a component. Attempts to connect that fail are of level debug, because
// the event "unreachable" reports them, and so are health checks, which come every few seconds.
func (l *Logger) Event(component string, e core.Event) {
	level := levels[e.Level]
	if e.Kind == "retrying" || e.Kind == "handshake_failed" && strings.Contains(e.Text, probed) {
		level = slog.LevelDebug
	}
	r := slog.NewRecord(time.UnixMicro(int64(e.TS*1e6)), level, e.Text, 0)
	r.AddAttrs(slog.String("kind", e.Kind), slog.String("component", component))
	for _, a := range []struct{ key, value string }{{"address", e.Address}, {"topic", e.Topic}, {"origin", e.Origin}} {
		if a.value != "" {
			r.AddAttrs(slog.String(a.key, a.value))
		}
	}
	for _, a := range []struct {
		key   string
		value uint64
	}{{"peer", e.Peer}, {"count", e.Count}} {
		if a.value != 0 {
			r.AddAttrs(slog.Uint64(a.key, a.value))
		}
	}
	ctx := context.Background()
	if l.Enabled(ctx, level) {
		_ = l.Handler().Handle(ctx, r)
	}
}

// Close writes the summaries that are due later.
func (l *Logger) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.stop != nil {
		l.stop()
	}
	l.summarize(true)
}

// InJournal reports whether a file is the stream that systemd connects to its journal (see
// JOURNAL_STREAM in systemd.exec(5)).
func InJournal(f *os.File) bool {
	info, err := f.Stat()
	if err != nil {
		return false
	}
	return os.Getenv("JOURNAL_STREAM") != "" && os.Getenv("JOURNAL_STREAM") == deviceAndInode(info)
}
