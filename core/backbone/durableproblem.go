package backbone

import (
	"sync"
	"time"

	"github.com/hermes-zmq/hermes/internal/notify"
)

// durableProblem is why durable topics wait, and what was told of it. What may be over soon, as servers that have just
// met elect a leader, is told when it has lasted; what costs messages at once. A problem that stays is told in
// the end, however soon it came after another one, and so is that it is over. Any goroutine calls it;
// mu is before the lock of the events.
type durableProblem struct {
	mu        sync.Mutex
	now, told string    // ""; none
	since     time.Time // now is not "" without a break
	urgent    bool      // now
	limit     notify.Limiter
}

// lasting is how long a problem lasts that is not over by itself. Servers of NATS take up to nine seconds for an
// election, and a stream has one of its own.
const lasting = 20 * time.Second

// note takes what keeps durable topics from working, or "" that they work. urgent: it costs messages.
func (p *durableProblem) note(text string, urgent bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now == "" {
		p.since = time.Now()
	}
	p.now, p.urgent = text, urgent
}

// tell calls add for a change that was not told yet: of a problem once a minute at most.
func (p *durableProblem) tell(add func(level, text string)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now == p.told || p.now != "" && !p.urgent && time.Since(p.since) < lasting {
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
