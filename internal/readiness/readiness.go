// Package readiness knows whether a publisher has subscribers, and for how long it should
// hold envelopes back because it has none.
//
// A publisher that starts, or whose post office restarts, sees subscriptions follow its
// connections, one after the other. While there is none, and until those that follow have
// settled, envelopes are held for up to the option "ready.hold", counted anew each time a peer
// connects or disconnects. Where the last peer confirms what it stores, nothing may get lost while it
// is away: then envelopes are held until a peer is back. A Tracker has one lock, under which no other is taken.
package readiness

import (
	"bytes"
	"sync"
	"time"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/systemtopic"
)

// Tracker counts the peers and subscriptions of one publisher. All methods may be called
// from any goroutine.
type Tracker struct {
	mu            sync.Mutex
	peers         int
	subscriptions int       // prefixes that peers subscribe to, over all peers, without those of what components publish of themselves
	since         time.Time // since when there is none, or when the first came after there was none
	newest        time.Time // when the last subscription came
	settled       bool      // no further ones are expected
	confirms      bool      // a peer confirms, or the last one that has left did
}

// settling is how long no further subscription must come before the first ones are taken to
// be complete: a receiver of several topics, and a post office with several receivers, send
// one after the other.
const settling = 30 * time.Millisecond

// Begin forgets the peers of an earlier run.
func (t *Tracker) Begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.peers, t.subscriptions, t.since, t.settled, t.confirms = 0, 0, time.Now(), false, false
}

// Note takes an event of the carrier and reports whether it changed what is counted. A peer
// that connects or disconnects while there is no subscription restarts the time of HoldFor,
// because subscriptions follow a connection; so does the end of the last subscription.
func (t *Tracker) Note(e carrier.Event) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch e.Kind {
	case carrier.Subscribed, carrier.Unsubscribed:
		if bytes.HasPrefix(e.Prefix, []byte(systemtopic.Root)) {
			return false // who wants to know how the publisher is does not wait for what it publishes
		}
	}
	switch e.Kind {
	case carrier.Connected:
		if t.peers <= 0 {
			t.confirms = false
		}
		t.peers++
	case carrier.Confirms, carrier.ConfirmsNoMore:
		t.confirms = e.Kind == carrier.Confirms
	case carrier.Disconnected:
		t.peers--
	case carrier.Subscribed:
		t.newest = time.Now()
		if t.subscriptions == 0 {
			t.since = t.newest
		}
		t.subscriptions++
	case carrier.Unsubscribed:
		t.subscriptions--
	default:
		return false
	}
	if t.subscriptions == 0 {
		t.since, t.settled = time.Now(), false
	}
	return true
}

// Subscribed reports whether there is a subscription.
func (t *Tracker) Subscribed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.subscriptions > 0
}

// Count gives how many peers there are, and how many prefixes they subscribe to.
func (t *Tracker) Count() (peers, subscriptions int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.peers, t.subscriptions
}

// Alone reports whether there is no peer at all.
func (t *Tracker) Alone() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.peers <= 0
}

// forGood is how long to hold at a time what is held until a peer is back.
const forGood = time.Hour

// HoldFor returns for how much longer to hold envelopes, at most most; 0 or less: not at all. It is more
// where a peer that confirms is away, or has not subscribed yet.
func (t *Tracker) HoldFor(most time.Duration) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.settled {
		return 0
	}
	hold := most - time.Since(t.since)
	if t.confirms && t.subscriptions == 0 {
		hold = max(hold, forGood)
	}
	if t.subscriptions > 0 {
		hold = min(hold, settling-time.Since(t.newest))
		t.settled = hold <= 0
	}
	return hold
}
