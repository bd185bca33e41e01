package core

import (
	"sync"
	"time"

	"github.com/hermes-zmq/hermes/core/internal/carrier"
)

// audience knows whether anybody listens to a publisher, and since when nobody has.
type audience struct {
	mu     sync.Mutex
	peers  int
	wanted int       // prefixes that peers subscribe to
	since  time.Time // beginning of the present silence
}

func (a *audience) begin() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.peers, a.wanted, a.since = 0, 0, time.Now()
}

// note takes in an event and reports whether it was about the audience. A peer that
// comes or goes while nobody listens begins the silence anew: subscriptions follow
// a connection.
func (a *audience) note(e carrier.Event) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch e.Kind {
	case carrier.Connected:
		a.peers++
	case carrier.Disconnected:
		a.peers--
	case carrier.Wanted:
		a.wanted++
	case carrier.Unwanted:
		a.wanted--
	default:
		return false
	}
	if a.wanted == 0 {
		a.since = time.Now()
	}
	return true
}

// present reports whether there is a subscription.
func (a *audience) present() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.wanted > 0
}

// holdFor is how much longer to hold back, where at most is the limit.
func (a *audience) holdFor(most time.Duration) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.wanted > 0 {
		return 0
	}
	return most - time.Since(a.since)
}
