package zmtp

import (
	"slices"
	"strings"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

// maxPast bounds the peers whose ended connections are counted one by one; those of others are put together.
const maxPast = 1024

// past counts what went over connections that have ended, by the peer's instance. socket.mu guards it.
type past map[string]*carrier.Past

// add takes in a connection that has ended.
func (p *past) add(d *carrier.Peer, unsent int) {
	if *p == nil {
		*p = past{}
	}
	name := d.Instance
	sum := (*p)[name]
	if sum == nil && len(*p) >= maxPast {
		name = ""
		sum = (*p)[name]
	}
	if sum == nil {
		sum = &carrier.Past{Instance: name}
		(*p)[name] = sum
	}
	sum.Add(&carrier.Past{Connections: 1, Sent: d.Sent, Received: d.Received, System: d.System, ReceivedSystem: d.ReceivedSystem,
		Denied: d.Denied, Filtered: d.Filtered, Dropped: d.Dropped, Unsent: uint64(unsent)})
}

// Past implements carrier.PastKeeper.
func (s *socket) Past() []carrier.Past {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]carrier.Past, 0, len(s.past))
	for _, p := range s.past {
		all = append(all, *p)
	}
	slices.SortFunc(all, func(a, b carrier.Past) int { return strings.Compare(a.Instance, b.Instance) })
	return all
}
