package observe

import "time"

// governor decides when an observer has used more than its share of a core.
//
// Time on the processor beyond the share is a debt. Above limit the observer pauses, until the
// debt is paid by the time that passes: so over any longer time it stays within the share.
type governor struct {
	share float64
	last  time.Time
	used  time.Duration
	debt  time.Duration
}

const (
	// governEvery is how often a decision is made; reading the clock of the process costs 1 µs.
	governEvery = 50 * time.Millisecond
	// governLimit is the debt that begins a pause, and its negative the credit that a quiet
	// time leaves.
	governLimit = 100 * time.Millisecond
)

func (g *governor) begin(now time.Time, used time.Duration) {
	g.last, g.used, g.debt = now, used, -governLimit
}

func (g *governor) due(now time.Time) bool { return now.Sub(g.last) >= governEvery }

// step books the time since the last step, and reports whether to pause.
func (g *governor) step(now time.Time, used time.Duration, paused bool) bool {
	g.debt += used - g.used - time.Duration(g.share*float64(now.Sub(g.last)))
	g.debt = max(g.debt, -governLimit)
	g.last, g.used = now, used
	if paused {
		return g.debt > 0
	}
	return g.debt > governLimit
}
