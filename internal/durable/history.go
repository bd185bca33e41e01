package durable

import (
	"context"
	"errors"
	"time"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/natssubject"
)

// History gives late receivers what the streams of a site hold. It implements carrier.History.
type History struct {
	s      *Site
	settle func(context.Context) error
	keeps  func(topic []byte) bool
	some   func(prefix []byte) bool
}

var _ carrier.History = (*History)(nil)

// History is the history of the site. settle waits until everything that its post office was sending
// has been given to Send; keeps reports whether Send is given messages of a durable topic, and some whether it
// is of any topic that begins with prefix.
func (s *Site) History(settle func(context.Context) error, keeps, some func([]byte) bool) *History {
	return &History{s: s, settle: settle, keeps: keeps, some: some}
}

// Keeps implements carrier.History.
func (h *History) Keeps(topic []byte) bool { return h.s.Match(topic) && h.keeps(topic) }

// Covers implements carrier.History.
func (h *History) Covers(prefix []byte) bool {
	for i := range h.s.streams {
		st := &h.s.streams[i]
		longer := st.raw
		if len(prefix) > len(longer) {
			longer = prefix
		}
		if st.meets(prefix) && h.some(longer) {
			return true
		}
	}
	return false
}

// meets reports whether the stream may have topics that begin with prefix.
func (st *stream) meets(prefix []byte) bool {
	n := min(len(prefix), len(st.raw))
	return string(prefix[:n]) == string(st.raw[:n])
}

// idleMargin is how far the position of a stream in which nothing happens stays behind that of
// others: it is a multiple of the time after which a receiver finds that it gets nothing.
const idleMargin = 6 * heartbeat

// Position implements carrier.History. What has been stored and not sent here is behind what every
// receiver has delivered; a stream of which everything has been delivered moves on with the others.
func (h *History) Position() (at time.Time) {
	var newest time.Time
	for _, r := range h.s.receivers {
		if t, _ := r.progress(); t.After(newest) {
			newest = t
		}
	}
	for i, r := range h.s.receivers {
		t, all := r.progress()
		if idle := newest.Add(-idleMargin); all && !newest.IsZero() && idle.After(t) {
			t = idle
		}
		if t.IsZero() {
			return t
		}
		if i == 0 || t.Before(at) {
			at = t
		}
	}
	return at
}

// Open implements carrier.History.
func (h *History) Open(ctx context.Context, prefixes [][]byte, since time.Time) (carrier.HistoryReader, error) {
	if h.s.sender == nil {
		return nil, errors.New("the backbone has not begun")
	}
	r := &historyReader{h: h}
	for i := range h.s.streams {
		st := &h.s.streams[i]
		if filters := st.filters(h.s.cfg.Space, prefixes); len(filters) > 0 {
			r.parts = append(r.parts, &historyPart{s: h.s, l: h.s.sender.l, stream: st, own: h.s.receiverOf(st), filters: filters, since: since})
		}
	}
	return r, ctx.Err()
}

// receiverOf is what reads a stream; nil: nothing of it may enter the site.
func (s *Site) receiverOf(st *stream) *receiver {
	for _, r := range s.receivers {
		if r.stream == st {
			return r
		}
	}
	return nil
}

// maxFilters is how many filters a reader has at most; instead of more it reads the whole stream.
const maxFilters = 32

// filters are what to read of a stream for some prefixes. None covers another, as JetStream
// demands.
func (st *stream) filters(space natssubject.Space, prefixes [][]byte) (all []string) {
	for _, p := range prefixes {
		switch {
		case !st.meets(p):
			continue
		case len(p) <= len(st.raw):
			return []string{st.filter}
		}
		f := space.DurableFilter(p)
		if natssubject.Covers(f, st.filter) {
			return []string{st.filter}
		}
		if all = withFilter(all, f); len(all) > maxFilters {
			return []string{st.filter}
		}
	}
	return all
}

// withFilter adds a filter, unless one covers it, in place of those that it covers.
func withFilter(all []string, f string) (out []string) {
	for _, other := range all {
		if natssubject.Covers(other, f) {
			return all
		}
		if !natssubject.Covers(f, other) {
			out = append(out, other)
		}
	}
	return append(out, f)
}

// stored waits until everything that Send has taken is acknowledged, or given up. It fails where
// nothing is for too long.
func (s *Site) stored(ctx context.Context) error {
	taken := s.staging.accepted()
	err := awaitProgress(ctx, taken, s.staging.handled)
	if err == nil {
		_, next := s.queue.Indexes()
		err = awaitProgress(ctx, next, s.window.done)
	}
	if errors.Is(err, errNoProgress) {
		err = errors.New("JetStream does not acknowledge what was sent before")
	}
	return err
}

// storedLook is how often stored looks.
const storedLook = 2 * time.Millisecond

var errNoProgress = errors.New("nothing goes on")

// awaitProgress waits until a counter has reached a goal, or has stood still for too long.
func awaitProgress(ctx context.Context, goal uint64, now func() uint64) error {
	last, moved := now(), time.Now()
	for last < goal {
		if !sleep(ctx, storedLook) {
			return ctx.Err()
		}
		if n := now(); n != last {
			last, moved = n, time.Now()
		} else if time.Since(moved) > patience {
			return errNoProgress
		}
	}
	return nil
}
