package zmtp

import (
	"sync/atomic"
	"time"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/invariants"
)

const (
	// replayPause is how long replays pause for every topic that they have looked at:
	// several times what looking takes, during which every Send is blocked.
	replayPause = time.Microsecond
	// replayDebt is how many topics are too few to pause for.
	replayDebt = 5000
)

// lastValueReplay sends the cached last values of a prefix to a peer that subscribes to
// it.
//
// Every message reaches a subscriber exactly once, as a cached value or live: every Send
// holds sends for reading from before the cache stores the batch until every peer's queue
// has its part, and a subscription is added with sends held for writing. What is cached
// at that moment has been sent without this peer; what comes later is sent to it.
type lastValueReplay struct {
	cache carrier.Cache
	sends *invariants.RWMutex // of the outlet

	turn invariants.Mutex // one goroutine pauses at a time; taken before all other locks
	debt atomic.Int64     // topics looked at that no goroutine has paused for yet
}

// subscribe makes c follow prefix and queues the cached values of it, before anything
// that is sent later.
func (r *lastValueReplay) subscribe(c *conn, prefix []byte) (changed bool, err error) {
	changed, err = r.addPrefix(c, prefix)
	c.out.mu.Lock()
	c.flush()
	return changed, err
}

func (r *lastValueReplay) addPrefix(c *conn, prefix []byte) (changed bool, err error) {
	peer := c.describe(0)
	r.sends.Lock()
	defer r.sends.Unlock()
	return c.changeTopics(true, prefix, func() { r.recall(c, peer, prefix, c.hasOrMayNot) })
}

// recall queues the cached values of a prefix, but those of topics for which skip reports true. The
// caller holds sends and out.mu.
func (r *lastValueReplay) recall(c *conn, peer carrier.Peer, prefix []byte, skip func(topic []byte) bool) {
	if !c.out.dead && !c.out.closing {
		r.debt.Add(int64(r.cache.Recall(peer, prefix, skip, c.out.addWhatFits)))
	}
}

// hasOrMayNot reports whether cached values of a topic are not for the peer: it follows the topic
// already, or has no right to it. The caller holds out.mu.
func (c *conn) hasOrMayNot(topic []byte) bool { return c.follows(topic) || !c.mayReceive(topic) }

// pause waits in proportion to what replays have done since the last pause. Peers that
// subscribe again and again to many cached topics thus wait for each other, and do not
// slow down the Sends.
func (r *lastValueReplay) pause(c *conn) {
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
