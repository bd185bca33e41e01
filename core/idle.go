package core

import "fmt"

// Why a wait was in vain: as a rule because of connections (connectivity.go), and otherwise
// because of what a component has asked for, or has been sent.

// reasonWhy is why a wait was in vain, to be put behind the text of its error; "" where
// nothing is known to be wrong.
func (p *component) reasonWhy() string {
	why := p.network.problem()
	if why == "" && p.idly != nil {
		why = p.idly()
	}
	return because(why)
}

// because puts a reason behind a text; "" is none.
func because(why string) string {
	if why == "" {
		return ""
	}
	return ": it " + why
}

// TimedOut is the error of a wait that was in vain, with the reason as far as it is known:
// for those who wait elsewhere than in Take.
func (r *Receiver) TimedOut() error {
	return errorf(ETIMEOUT, "nothing arrived at %s%s", r.who(), r.reasonWhy())
}

// idleBecause says why nothing arrives though nothing is wrong with the connections.
func (r *Receiver) idleBecause() string {
	peers := r.arrival.peers.Load()
	if peers <= 0 {
		return "waits for a peer to connect"
	}
	r.inbox.mu.Lock()
	defer r.inbox.mu.Unlock()
	r.inbox.laid()
	switch c := &r.inbox.counters; {
	case c.Arrived == 0:
		return fmt.Sprintf("is connected to %d peer(s), and nothing that it subscribes to has come: %s", peers, r.topics.text())
	case c.Arrived == c.DroppedOrigin:
		return fmt.Sprintf("has received %d envelopes, all of other origins than it accepts", c.Arrived)
	case c.Arrived == c.DroppedMalformed:
		return fmt.Sprintf("has received %d messages, none of which is an envelope", c.Arrived)
	case c.Arrived == c.DroppedStale:
		return fmt.Sprintf("has received %d envelopes, all older than %v: its clock or that of the sender may be wrong", c.Arrived, r.slowAfter)
	}
	return ""
}

// idleBecause says why nothing goes out though nothing is wrong with the connections.
func (p *Publisher) idleBecause() string {
	switch peers, wanted := p.audience.count(); {
	case peers <= 0:
		return "waits for a peer to connect"
	case wanted == 0:
		return fmt.Sprintf("is connected to %d peer(s), where no receiver has subscribed to anything", peers)
	}
	return ""
}
