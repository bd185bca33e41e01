package backbone

import (
	"fmt"
	"sync"
	"time"

	"github.com/hermes-zmq/hermes/internal/notify"
)

// tooLong tells that messages were longer than NATS takes. mu is before the lock of the events.
type tooLong struct {
	mu    sync.Mutex
	told  uint64 // how many
	limit notify.Limiter
}

// tell calls add where there are more than were told, once a minute at most.
func (t *tooLong) tell(now uint64, add func(more uint64)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now == t.told {
		return
	}
	if _, due := t.limit.PassEvery(notify.WarnEvery, time.Now(), 1); due {
		add(now - t.told)
		t.told = now
	}
}

// tellTooLong tells it as an event.
func (b *Backbone) tellTooLong() {
	n := b.link.queue.now().long + b.link.durable.tooLong()
	b.long.tell(n, func(more uint64) {
		b.add("backbone_too_long", notify.Warning, fmt.Sprintf("%s has dropped %d messages that are longer than NATS takes (max_payload, %d bytes): other sites do not get them; raise max_payload of the servers, or send less at once",
			b.who, more, b.conn.MaxPayload()))
	})
}
