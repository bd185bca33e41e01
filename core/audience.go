package core

import (
	"sync"
	"time"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

// audience knows whether anybody listens to a publisher, and since when nobody has.
type audience struct {
	mu      sync.Mutex
	peers   int
	wanted  int       // prefixes that peers subscribe to
	since   time.Time // beginning of the present silence, or of the end of the last one
	news    time.Time // when the last subscription came
	settled bool      // the subscriptions that end a silence are all there
}

// settling is how long no further subscription must come before those that end a
// silence are taken to be complete: a receiver of several topics, and a post office
// with several receivers, send one after the other.
const settling = 10 * time.Millisecond

func (a *audience) begin() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.peers, a.wanted, a.since, a.settled = 0, 0, time.Now(), false
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
	case carrier.Subscribed:
		a.news = time.Now()
		if a.wanted == 0 {
			a.since = a.news
		}
		a.wanted++
	case carrier.Unsubscribed:
		a.wanted--
	default:
		return false
	}
	if a.wanted == 0 {
		a.since, a.settled = time.Now(), false
	}
	return true
}

// present reports whether there is a subscription.
func (a *audience) present() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.wanted > 0
}

// count gives how many peers there are, and how many prefixes they subscribe to.
func (a *audience) count() (peers, wanted int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.peers, a.wanted
}

// alone reports whether there is no peer at all.
func (a *audience) alone() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.peers <= 0
}

// holdFor is how much longer to hold back, where at most is the limit.
func (a *audience) holdFor(most time.Duration) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.settled {
		return 0
	}
	hold := most - time.Since(a.since)
	if a.wanted > 0 {
		hold = min(hold, settling-time.Since(a.news))
		a.settled = hold <= 0
	}
	return hold
}
