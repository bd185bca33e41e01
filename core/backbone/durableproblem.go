package backbone

import (
	"sync"
	"time"

	"github.com/hermes-zmq/hermes/internal/notify"
)

// durableProblem is why durable topics wait, and what was told of it. A problem that stays is told in
// the end, however soon it came after another one, and so is that it is over. Any goroutine calls it;
// mu is before the lock of the events.
type durableProblem struct {
	mu        sync.Mutex
	now, told string // ""; none
	limit     notify.Limiter
}

// note takes what keeps durable topics from working, or "" that they work.
func (p *durableProblem) note(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = text
}

// tell calls add for a change that was not told yet: of a problem once a minute at most.
func (p *durableProblem) tell(add func(level, text string)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now == p.told {
		return
	}
	if p.now == "" {
		add(notify.Info, "durable topics work again")
	} else if _, due := p.limit.PassEvery(notify.WarnEvery, time.Now(), 1); due {
		add(notify.Warning, p.now)
	} else {
		return
	}
	p.told = p.now
}
