package relay

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// passes counts the batches that are on their way through, so that one can wait for those that are,
// and not for those that come meanwhile.
//
// A batch counts in one of two phases. Settle waits until the other phase is empty, changes the phase,
// and waits until the first one is: every batch that had begun before counts in one of them, and new
// ones prolong neither. A batch that has read the phase, and not counted yet, has not begun.
type passes struct {
	phase atomic.Uint32
	under [2]atomic.Int64

	settling sync.Mutex // one settles at a time
}

// begin counts a batch, until end is called with what it gives.
func (p *passes) begin() (phase uint32) {
	phase = p.phase.Load() & 1
	p.under[phase].Add(1)
	return phase
}

func (p *passes) end(phase uint32) { p.under[phase].Add(-1) }

// none reports whether no batch is on its way.
func (p *passes) none() bool { return p.under[0].Load()+p.under[1].Load() == 0 }

// settle waits until every batch that has begun before has ended.
func (p *passes) settle(ctx context.Context) error {
	p.settling.Lock()
	defer p.settling.Unlock()
	now := p.phase.Load() & 1
	if err := p.await(ctx, 1-now); err != nil {
		return err
	}
	p.phase.Store(1 - now)
	return p.await(ctx, now)
}

// await looks again and again: a batch takes microseconds, unless its publisher is held back.
func (p *passes) await(ctx context.Context, phase uint32) error {
	for pause := 10 * time.Microsecond; p.under[phase].Load() > 0; pause = min(2*pause, 5*time.Millisecond) {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
