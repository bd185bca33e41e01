package option

import (
	"errors"
	"math"
	"strconv"
	"sync"
	"time"
)

// Since is from when on history is wanted: "all", a span of time before now, seconds since 1970, or
// a time as in RFC 3339. Empty is none.
type Since struct {
	mu   sync.Mutex
	text string
	at   since
}

// since is the meaning of a text.
type since struct {
	wanted bool
	ago    time.Duration // if it is not 0, it counts in place of at
	at     time.Time     // zero: everything
}

// Since adds a Since, which is empty by default.
func (o *Set) Since(key string, live bool, usage string) *Since {
	return add(o, key, live, usage, &Since{})
}

func (x *Since) String() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.text
}

// At is the time that is meant now, the zero time for everything; nil: no history is wanted.
func (x *Since) At(now time.Time) *time.Time {
	x.mu.Lock()
	s := x.at
	x.mu.Unlock()
	switch {
	case !s.wanted:
		return nil
	case s.ago != 0:
		s.at = now.Add(-s.ago)
	}
	return &s.at
}

// Set implements Variable.
func (x *Since) Set(text string) error {
	s, err := parseSince(text)
	if err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.text, x.at = text, s
	return nil
}

var errSince = errors.New(`a time is written as "all" (everything that is kept), "10m" or "1h30m" (so long before the start), ` +
	`a number of seconds since 1970, or "2026-01-31T09:30:00Z" (RFC 3339), and is not before 1970`)

// maxSeconds is the year 9999.
const maxSeconds = 253402300799

func parseSince(text string) (s since, err error) {
	switch text {
	case "":
		return since{}, nil
	case "all":
		return since{wanted: true}, nil
	}
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		if !(seconds >= 0 && seconds <= maxSeconds) {
			return since{}, errSince
		}
		whole, rest := math.Modf(seconds)
		return since{wanted: true, at: time.Unix(int64(whole), int64(rest*1e9))}, nil
	}
	if d, err := time.ParseDuration(text); err == nil {
		if d <= 0 || d > maxDuration {
			return since{}, errSince
		}
		return since{wanted: true, ago: d}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || at.Unix() < 0 || at.Unix() > maxSeconds {
		return since{}, errSince
	}
	return since{wanted: true, at: at}, nil
}
