package zmtp

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
)

const (
	// replayPause is how long replays pause for every topic that they have looked at:
	// several times what it takes to look, and to hold up everybody else meanwhile.
	replayPause = time.Microsecond
	// replayDebt is how many topics are too few to pause for.
	replayDebt = 5000
)

// replay gives peers that come late what they have missed.
//
// Every Send holds sends for reading from before the cache is told until every peer
// has got its part; to begin to follow a topic holds it for writing. So what is kept
// at that moment has passed this peer by, and all that comes after it will not.
type replay struct {
	cache carrier.Cache
	sends sync.RWMutex

	turn sync.Mutex   // one pauses at a time
	debt atomic.Int64 // the topics looked at that nobody has paused for
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
	return c.want(true, prefix, func() {
		if !c.out.dead && !c.out.last {
			r.debt.Add(int64(r.cache.Recall(peer, prefix, c.topics.Match, c.out.offer)))
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

// pause waits for as long as replays have to rest after what they have done. Peers that
// ask again and again for much that is kept wait for each other, and nobody else does.
func (r *replay) pause(c *conn) {
	if r.debt.Load() < replayDebt {
		return
	}
	r.turn.Lock()
	defer r.turn.Unlock()
	debt := r.debt.Swap(0)
	t := time.NewTimer(time.Duration(debt) * replayPause)
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.s.ctx.Done():
	}
}
