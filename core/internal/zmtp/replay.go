package zmtp

import (
	"sync"
	"time"

	"github.com/hermes-zmq/hermes/core/internal/batch"
	"github.com/hermes-zmq/hermes/core/internal/carrier"
)

const (
	// replayShare is which part of the time replays may keep everybody else waiting:
	// one in so many.
	replayShare = 5
	// replayDebt is for how long they may, taken together, before that counts.
	replayDebt = 2 * time.Millisecond
)

// replay gives peers that come late what they have missed.
//
// Every Send holds sends for reading from before the cache is told until every peer
// has got its part; to begin to follow a topic holds it for writing. So what is kept
// at that moment has passed this peer by, and all that comes after it will not.
type replay struct {
	cache carrier.Cache
	sends sync.RWMutex

	turn sync.Mutex    // one replay at a time
	debt time.Duration // for how long replays have held up the Sends; owned by turn
}

// join makes c follow prefix, with what is kept of it in front.
func (r *replay) join(c *conn, prefix []byte) (changed bool, err error) {
	changed, err = r.begin(c, prefix)
	c.out.mu.Lock()
	c.kick()
	return changed, err
}

func (r *replay) begin(c *conn, prefix []byte) (changed bool, err error) {
	peer := c.about(0)
	r.sends.Lock()
	defer r.sends.Unlock()
	begun := now()
	defer func() { r.debt += now() - begun }()
	return c.want(true, prefix, func() {
		if !c.out.dead && !c.out.last {
			r.cache.Recall(peer, prefix, c.topics.Match, c.out.offer)
		}
	})
}

// offer queues the messages of b for which there is room, and counts the others as
// dropped.
func (o *outbox) offer(b *batch.Batch) (taken int) {
	n := b.Len()
	if taken = o.fits(b, 0, n); taken > 0 {
		o.add(b, 0, taken, false)
	}
	o.dropped += uint64(n - taken)
	return taken
}

// takeTurn waits until c may replay. Peers that ask again and again, for much that is
// kept, wait for each other, and for those whom they hold up; the returned function
// ends the turn.
func (r *replay) takeTurn(c *conn) (done func()) {
	r.turn.Lock()
	return func() {
		defer r.turn.Unlock()
		if r.debt < replayDebt {
			return
		}
		t := time.NewTimer((replayShare - 1) * r.debt)
		defer t.Stop()
		r.debt = 0
		select {
		case <-t.C:
		case <-c.s.ctx.Done():
		}
	}
}
