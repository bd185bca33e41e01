package telemetry

import (
	"sync"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/latch"
	"github.com/hermes-zmq/hermes/internal/systemtopic"
	"github.com/hermes-zmq/hermes/internal/trie"
)

// Audience knows which system topics the peers of one outlet subscribe to. Reporters of several
// components may publish for the same one. All methods may be called from any goroutine.
type Audience struct {
	mu      sync.Mutex
	wanted  trie.Set    // prefixes of system topics
	others  func() bool // whether there are others, of whom this does not know what they want; nil: none
	changes uint64      // how often a prefix was added

	changed latch.Latch // woken whenever one is
}

// Begin forgets the peers of an earlier run. others reports whether something may be wanted although
// no peer subscribes to it; it may be nil.
func (a *Audience) Begin(others func() bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.wanted, a.others = trie.Set{}, others
}

// Note takes an event of the carrier.
func (a *Audience) Note(e carrier.Event) {
	if e.Kind != carrier.Subscribed && e.Kind != carrier.Unsubscribed || !systemtopic.Is(e.Prefix) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if e.Kind == carrier.Unsubscribed {
		a.wanted.Remove(e.Prefix)
		return
	}
	a.wanted.Add(e.Prefix)
	a.changes++
	a.changed.Wake()
}

// Wants reports whether a topic is subscribed to.
func (a *Audience) Wants(frame []byte) bool {
	a.mu.Lock()
	wanted, others := a.wanted.Match(frame), a.others
	a.mu.Unlock()
	return wanted || others != nil && others()
}

// Changes counts the prefixes that were added.
func (a *Audience) Changes() uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.changes
}
