package logs

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
)

// limit counts the records of each kind, and hands on those that are written.
type limit struct {
	l    *Logger
	next slog.Handler
}

// Enabled implements slog.Handler.
func (h limit) Enabled(ctx context.Context, level slog.Level) bool { return h.next.Enabled(ctx, level) }

// Handle implements slog.Handler.
func (h limit) Handle(ctx context.Context, r slog.Record) error {
	kind := ""
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "kind" {
			kind = a.Value.String()
		}
		return kind == ""
	})
	if kind != "" && !h.l.admit(kind, r.Level) {
		return nil
	}
	return h.next.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h limit) WithAttrs(attrs []slog.Attr) slog.Handler { return limit{h.l, h.next.WithAttrs(attrs)} }

// WithGroup implements slog.Handler.
func (h limit) WithGroup(name string) slog.Handler { return limit{h.l, h.next.WithGroup(name)} }

// admit counts a record, and reports whether it is to be written.
func (l *Logger) admit(kind string, level slog.Level) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, burst := l.now(), l.burst.Load()
	w := l.kinds[kind]
	if w == nil || now.Sub(w.began) >= Window {
		if w != nil {
			l.tell(kind, w)
		}
		w = &window{began: now}
		l.kinds[kind] = w
	}
	if burst < 0 || w.written < burst || l.closed {
		w.written++
		return true
	}
	if w.more == 0 {
		w.worst = level
	}
	w.more++
	w.worst = max(w.worst, level)
	if l.stop == nil {
		l.stop = l.after(w.began.Add(Window).Sub(now), l.due)
	}
	return false
}

// due is called when the first window ends in which records were counted.
func (l *Logger) due() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stop = nil
	if l.closed {
		return
	}
	l.summarize(false)
	next := Window
	waits := false
	now := l.now()
	for _, w := range l.kinds {
		if w.more > 0 {
			waits = true
			next = min(next, w.began.Add(Window).Sub(now))
		}
	}
	if waits {
		l.stop = l.after(next, l.due)
	}
}

// summarize writes how many records were counted in windows that are over, or in all. The caller holds mu.
func (l *Logger) summarize(all bool) {
	now := l.now()
	kinds := make([]string, 0, len(l.kinds))
	for kind := range l.kinds {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	for _, kind := range kinds {
		if w := l.kinds[kind]; all || now.Sub(w.began) >= Window {
			l.tell(kind, w)
			delete(l.kinds, kind)
		}
	}
}

// tell writes how many more there were in a window. The caller holds mu.
func (l *Logger) tell(kind string, w *window) {
	if w.more == 0 {
		return
	}
	text := fmt.Sprintf("%d more of kind %s in the last minute", w.more, kind)
	r := slog.NewRecord(l.now(), w.worst, text, 0)
	r.AddAttrs(slog.String("kind", kind), slog.Int64("more", w.more))
	w.more = 0
	_ = l.next.Handle(context.Background(), r)
}
