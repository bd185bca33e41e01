package logs

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
)

// lines writes records as lines of text:
//
//	2026-11-30 06:35:21.123 warning denied: receiver "screen": refused by ...
//
// The attributes of an event repeat what its text says; so of the others only those are written that the program
// adds itself.
type lines struct {
	to      io.Writer
	level   slog.Leveler
	lock    *sync.Mutex // one line at a time
	journal bool
	attrs   []slog.Attr
}

// inText are the attributes that the text of an event repeats.
var inText = map[string]bool{"kind": true, "component": true, "address": true, "topic": true, "origin": true, "peer": true, "count": true, "more": true}

// priorities are those of syslog(3).
var priorities = map[string]int{"debug": 7, "info": 6, "warning": 4, "error": 3}

// Enabled implements slog.Handler.
func (h *lines) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level.Level() }

// Handle implements slog.Handler.
func (h *lines) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	level := LevelName(r.Level)
	if h.journal {
		fmt.Fprintf(&b, "<%d>", priorities[level])
	} else {
		fmt.Fprintf(&b, "%s %-7s ", r.Time.Local().Format("2006-01-02 15:04:05.000"), level)
	}
	more := ""
	each := func(a slog.Attr) bool {
		switch {
		case a.Key == "kind":
			fmt.Fprintf(&b, "%s: ", a.Value)
		case !inText[a.Key]:
			more += fmt.Sprintf(" %s=%q", a.Key, a.Value.String())
		}
		return true
	}
	for _, a := range h.attrs {
		each(a)
	}
	r.Attrs(each)
	b.WriteString(strings.ReplaceAll(r.Message, "\n", "; ")) // one record, one line
	b.WriteString(more + "\n")
	h.lock.Lock()
	defer h.lock.Unlock()
	_, err := io.WriteString(h.to, b.String())
	return err
}

// WithAttrs implements slog.Handler.
func (h *lines) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.attrs = append(with.attrs[:len(with.attrs):len(with.attrs)], attrs...)
	return &with
}

// WithGroup implements slog.Handler; lines have no groups.
func (h *lines) WithGroup(string) slog.Handler { return h }
