package relay

import (
	"sync"
	"time"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/flow"
	"github.com/hermes-zmq/hermes/internal/invariants"
)

// Counters counts what passes, over all runs of a post office. At any moment
//
//	in_messages = out_messages + unwanted + dropped
//
// What a post office publishes of itself (Own...) is in none of these sums.
// What other post offices have taken (Link) counts as out, and what comes from them as in.
// What the outlet removes from the queues of subscribers, after it was counted as sent, is in
// none of these.
//
// The zero value is ready for use; all methods may be called from any goroutine.
type Counters struct {
	mu      sync.Mutex
	c       Counts                // without what remover has removed
	remover carrier.Remover       // the outlet of the present run; nil if it removes nothing
	history carrier.HistoryServer // the outlet of the present run, or nil
	before  carrier.HistoryCounts // of all runs before
	waiting int                   // publishers that are held back now
	held    time.Duration         // sum of all waits; of one under way, less the time until which it lasts
}

// Counts are the counters at one instant; core.PostOfficeCounters says what each means.
type Counts struct {
	InMessages  uint64
	InBytes     uint64
	OutMessages uint64
	OutBytes    uint64
	Unwanted    uint64
	Dropped     uint64

	DroppedOld       uint64
	DroppedConflated uint64

	OwnMessages uint64
	OwnUnwanted uint64
	OwnDropped  uint64
}

// follow takes over the outlet of another run, for what it removes.
func (c *Counters) follow(o carrier.Outlet) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.c, c.before = c.now(), c.historyNow()
	c.remover, _ = o.(carrier.Remover)
	c.history, _ = o.(carrier.HistoryServer)
}

// now gives the counters. The caller holds mu.
func (c *Counters) now() Counts {
	n := c.c
	if c.remover != nil {
		old, conflated := c.remover.Removed()
		n.DroppedOld += old
		n.DroppedConflated += conflated
	}
	return n
}

// Now gives the counters.
func (c *Counters) Now() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now()
}

// historyNow counts what was sent from history. The caller holds mu.
func (c *Counters) historyNow() carrier.HistoryCounts {
	n := c.before
	n.Catching = 0
	if c.history != nil {
		h := c.history.HistoryCounts()
		n.Messages += h.Messages
		n.Incomplete += h.Incomplete
		n.Catching = h.Catching
	}
	return n
}

// History counts what was sent from history.
func (c *Counters) History() carrier.HistoryCounts {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.historyNow()
}

// Held is for how long publishers were held back until now, summed over all. It never decreases.
func (c *Counters) Held() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.held + time.Duration(c.waiting)*flow.Now()
}

// holdBegins notes that a publisher is held back from now on.
func (c *Counters) holdBegins() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting++
	c.held -= flow.Now()
}

// holdEnds notes that one is no longer held back.
func (c *Counters) holdEnds() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting--
	c.held += flow.Now()
}

// count takes in what became of a batch.
func (c *Counters) count(b *batch.Batch, t carrier.Tally) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := &c.c
	n.InMessages += uint64(b.Len())
	n.InBytes += uint64(b.Size())
	n.OutMessages += uint64(t.Sent)
	n.OutBytes += uint64(t.SentBytes)
	n.Unwanted += uint64(t.Unwanted + t.NoPeer)
	n.Dropped += uint64(t.Dropped + t.Unsent)
	if invariants.Enabled {
		invariants.Check(n.InMessages == n.OutMessages+n.Unwanted+n.Dropped, "post office: the counters do not add up: %+v", *n)
	}
}

// countOwn takes in what became of a batch of the post office's own.
func (c *Counters) countOwn(b *batch.Batch, t carrier.Tally) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.c.OwnMessages += uint64(b.Len())
	c.c.OwnUnwanted += uint64(t.Unwanted + t.NoPeer)
	c.c.OwnDropped += uint64(t.Dropped + t.Unsent)
}

// giveUp counts what was not sent at the end. The carrier sums it over receivers, so it may
// be more than was counted as sent.
func (c *Counters) giveUp(unsent int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := min(uint64(unsent), c.c.OutMessages)
	c.c.OutMessages -= n
	c.c.Dropped += n
}
