package recording

import (
	"context"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/hermes-zmq/hermes/internal/clock"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// PlayConfig is how envelopes are played.
type PlayConfig struct {
	Speed   float64 // 2: twice as fast; 0: as fast as possible
	Restamp bool    // with the present time and numbers of the player, in place of those recorded
	Rename  []Renaming
	Step    func() bool                      // called before each envelope, in place of the wait; false ends it. nil: none
	Send    func(*Envelope) error            // may wait for room
	Sent    func(logTime uint64)             // for a bar; nil: none
	sleep   func(context.Context, time.Time) // nil: sleepUntil
}

// Renaming replaces the beginning of topics.
type Renaming struct{ Old, New string }

// Played says what Play has done.
type Played struct {
	Envelopes uint64
	late      []float64 // a sample of delays, in seconds
}

// mostSamples bounds the sample: of a longer recording each n-th delay is kept.
const mostSamples = 1 << 17

// Late gives quantiles of how late envelopes were sent.
func (p *Played) Late(quantile float64) time.Duration {
	if len(p.late) == 0 {
		return 0
	}
	slices.Sort(p.late)
	i := min(int(quantile*float64(len(p.late))), len(p.late)-1)
	return time.Duration(p.late[i] * float64(time.Second))
}

// Play sends envelopes in their order: the first one at once, and each of the others as long behind
// it as it arrived behind it. Time that a Send has taken is made good. It ends early, without an
// error, when ctx is done.
func Play(ctx context.Context, envelopes iter.Seq2[Envelope, error], cfg PlayConfig) (Played, error) {
	if cfg.sleep == nil {
		cfg.sleep = sleepUntil
	}
	var p Played
	var begun time.Time
	var first uint64
	every := uint64(1)
	for e, err := range envelopes {
		if err != nil {
			return p, err
		}
		if p.Envelopes == 0 {
			begun, first = time.Now(), e.LogTime
		}
		due := time.Now()
		switch {
		case cfg.Step != nil:
			if !cfg.Step() {
				return p, nil
			}
			due = time.Now()
		case cfg.Speed > 0:
			due = begun.Add(time.Duration(float64(int64(e.LogTime-first)) / cfg.Speed))
			cfg.sleep(ctx, due)
		}
		if ctx.Err() != nil {
			return p, nil
		}
		cfg.change(&e)
		if p.Envelopes%every == 0 {
			if p.late = append(p.late, time.Since(due).Seconds()); len(p.late) == mostSamples {
				p.thin()
				every *= 2
			}
		}
		if err := cfg.Send(&e); err != nil {
			return p, err
		}
		p.Envelopes++
		if cfg.Sent != nil {
			cfg.Sent(e.LogTime)
		}
	}
	return p, nil
}

// thin keeps every second sample.
func (p *Played) thin() {
	for i := range len(p.late) / 2 {
		p.late[i] = p.late[2*i]
	}
	p.late = p.late[:len(p.late)/2]
}

// change renames and restamps an envelope.
func (c *PlayConfig) change(e *Envelope) {
	for _, r := range c.Rename {
		if rest, ok := strings.CutPrefix(e.Topic, r.Old); ok {
			if frame, err := wire.AppendString(nil, r.New+rest); err == nil {
				e.Topic, e.Frames.Topic = r.New+rest, frame
			}
			break
		}
	}
	if c.Restamp {
		e.Frames.Time = wire.UnsetTime(e.Frames.Time)
	}
}

// precise is how long before the time the rest is slept in the kernel: a timer of Go may be a
// millisecond late, because epoll counts in milliseconds.
const precise = 3 * time.Millisecond

// sleepUntil sleeps until a time, or until ctx is done.
func sleepUntil(ctx context.Context, due time.Time) {
	if rest := time.Until(due) - precise; rest > 0 {
		timer := time.NewTimer(rest)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
	}
	for rest := time.Until(due); rest > 0; rest = time.Until(due) {
		clock.Pause(rest)
	}
}

// Add takes in what another Play has done.
func (p *Played) Add(q *Played) {
	p.Envelopes += q.Envelopes
	p.late = append(p.late, q.late...)
	if len(p.late) > mostSamples {
		p.thin()
	}
}
