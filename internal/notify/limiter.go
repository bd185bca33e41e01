package notify

import "time"

// WarnEvery is how much time lies between two warnings about the same.
const WarnEvery = time.Minute

// Limiter lets one event through a second, and counts what the others were about.
type Limiter struct {
	next  time.Time
	count uint64
}

// Pass adds n occurrences. It reports whether an event is due, and for how many.
func (l *Limiter) Pass(now time.Time, n uint64) (uint64, bool) {
	return l.PassEvery(time.Second, now, n)
}

// PassEvery is Pass for events at another interval than a second.
func (l *Limiter) PassEvery(interval time.Duration, now time.Time, n uint64) (uint64, bool) {
	l.count += n
	if now.Before(l.next) {
		return 0, false
	}
	n = l.count
	l.count, l.next = 0, now.Add(interval)
	return n, true
}

// Pending is how many occurrences have not been told of yet.
func (l *Limiter) Pending() uint64 { return l.count }

// Expire lets the next one through, as when the interval has passed.
func (l *Limiter) Expire() { l.next = time.Time{} }
