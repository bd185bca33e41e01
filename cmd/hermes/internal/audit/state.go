package audit

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// state is what a component says of itself, as far as it is needed here; docs/counters.md says what each means.
type state struct {
	Kind     string `json:"kind"`
	Name     string `json:"name"`
	State    string `json:"state"`
	Instance string `json:"instance"`

	// A publisher.
	Accepted      uint64 `json:"accepted"`
	Sent          uint64 `json:"sent"`
	Queued        uint64 `json:"queued"`
	DroppedNoPeer uint64 `json:"dropped_no_peer"`
	DroppedFull   uint64 `json:"dropped_full"`
	DroppedStop   uint64 `json:"dropped_stop"`
	Resent        uint64 `json:"resent"`

	// A receiver.
	Arrived          uint64 `json:"arrived"`
	Delivered        uint64 `json:"delivered"`
	Held             uint64 `json:"held"`
	DroppedOrigin    uint64 `json:"dropped_origin"`
	DroppedStale     uint64 `json:"dropped_stale"`
	DroppedMalformed uint64 `json:"dropped_malformed"`
	DroppedOverflow  uint64 `json:"dropped_overflow"`
	DroppedDuplicate uint64 `json:"dropped_duplicate"`
	Lost             uint64 `json:"lost"`

	// A post office.
	In          uint64 `json:"in_messages"`
	Out         uint64 `json:"out_messages"`
	Dropped     uint64 `json:"dropped"`
	Publishers  []peer `json:"publishers"`
	Subscribers []peer `json:"subscribers"`

	// Several of them.
	Unwanted         uint64 `json:"unwanted"`
	DroppedOld       uint64 `json:"dropped_old"`
	DroppedConflated uint64 `json:"dropped_conflated"`
	DroppedDenied    uint64 `json:"dropped_denied"`
	Peers            []peer `json:"peers"`
	Ended            []peer `json:"ended"`
}

// peer is one connection, or those to one component that have ended.
type peer struct {
	Role           string `json:"role"`
	Instance       string `json:"instance"`
	Connections    uint64 `json:"connections"` // ended ones; 0: it lasts
	Sent           uint64 `json:"sent"`
	Received       uint64 `json:"received"`
	System         uint64 `json:"sent_system"`
	ReceivedSystem uint64 `json:"received_system"`
	Denied         uint64 `json:"denied"`
	Filtered       uint64 `json:"filtered"`
	Dropped        uint64 `json:"dropped"`
	Unsent         uint64 `json:"unsent"`
	Queue          uint64 `json:"queue_messages"`
}

// parse reads the data of an envelope about a component. A node has no connections, and is left out.
func parse(data []byte) (*state, error) {
	s := &state{}
	if err := json.Unmarshal(data, s); err != nil {
		return nil, fmt.Errorf("not the state of a component: %w", err)
	}
	if s.Instance == "" {
		return nil, fmt.Errorf("the state of %s %q has no instance: it is of a version that cannot be audited", s.Kind, s.Name)
	}
	return s, nil
}

// sides lists the connections over which a component sends, and those over which it receives.
func (s *state) sides() (sends, receives []peer) {
	all := slices.Concat(s.Peers, s.Publishers, s.Subscribers, s.Ended)
	for _, p := range all {
		switch p.Role {
		case "subscriber":
			sends = append(sends, p)
		case "publisher":
			receives = append(receives, p)
		}
	}
	return sends, receives
}

// fingerprint changes whenever an envelope moves that is none about a component.
func (s *state) fingerprint() string {
	var b strings.Builder
	sends, receives := s.sides()
	for _, p := range slices.Concat(sends, receives) {
		fmt.Fprintf(&b, "%s %s %d %d %d %d %d/", p.Role, p.Instance, p.Connections, p.Sent-p.System, p.Received-p.ReceivedSystem, p.Dropped, p.Unsent)
	}
	fmt.Fprintf(&b, "%d %d %d %d %d", s.Arrived, s.Delivered, s.Held, s.Dropped, s.DroppedDenied)
	if s.Kind == "receiver" {
		fmt.Fprintf(&b, " %d", s.Queued)
	}
	return b.String()
}

// losses are the envelopes that have ended at a component, by what its counters call them.
func (s *state) losses() []Loss {
	named := []Loss{
		{"unwanted", s.Unwanted}, {"dropped_no_peer", s.DroppedNoPeer}, {"dropped_full", s.DroppedFull}, {"dropped_stop", s.DroppedStop},
		{"dropped", s.Dropped}, {"dropped_old", s.DroppedOld}, {"dropped_conflated", s.DroppedConflated}, {"dropped_denied", s.DroppedDenied},
		{"dropped_origin", s.DroppedOrigin}, {"dropped_stale", s.DroppedStale}, {"dropped_malformed", s.DroppedMalformed},
		{"dropped_overflow", s.DroppedOverflow}, {"dropped_duplicate", s.DroppedDuplicate},
	}
	return slices.DeleteFunc(named, func(l Loss) bool { return l.Count == 0 })
}

// imbalance is how many envelopes its counters do not account for: what came in, without what went out, waits, or
// has a name. They are read at one instant, so this is 0 at every moment.
func (s *state) imbalance() int64 {
	switch s.Kind {
	case "publisher":
		return int64(s.Accepted) - int64(s.Sent+s.Queued+s.Unwanted+s.DroppedNoPeer+s.DroppedFull+s.DroppedOld+s.DroppedConflated+s.DroppedStop)
	case "receiver":
		return int64(s.Arrived) - int64(s.Delivered+s.Queued+s.Held+s.DroppedOrigin+s.DroppedStale+s.DroppedMalformed+s.DroppedOverflow+
			s.DroppedOld+s.DroppedConflated+s.DroppedDuplicate)
	case "post office":
		return int64(s.In) - int64(s.Out+s.Unwanted+s.Dropped)
	}
	return 0
}

// seam is how many envelopes have been lost between its counters and its connections. These are not read at one
// instant, so it is 0 only when nothing moves.
func (s *state) seam() int64 {
	sends, receives := s.sides()
	var in, out int64
	for _, p := range receives {
		in += int64(p.Received - p.Denied - p.Filtered)
	}
	for _, p := range sends {
		out += int64(p.Sent + p.Queue)
	}
	switch {
	case s.Kind == "publisher" && s.Resent == 0 && s.onePath(sends): // what is sent again counts once as sent
		return int64(s.Sent) - out
	case s.Kind == "receiver":
		return in - int64(s.Arrived)
	case s.Kind == "post office": // other sites bring more, and what they bring is in their books
		return max(0, in-int64(s.In))
	}
	return 0
}

// onePath reports whether all that a publisher has sent went over one connection at a time, so that it can be
// found there: several are redundant paths. Of one that has ended with envelopes waiting it is not known
// whether it was the only one.
func (s *state) onePath(sends []peer) bool {
	live, others := 0, map[string]bool{}
	for _, p := range sends {
		others[p.Instance] = true
		if p.Connections == 0 {
			live++
		}
		if p.Unsent > 0 || p.Dropped > 0 {
			return false
		}
	}
	return live <= 1 && len(others) <= 1
}
