package core

import (
	"strings"
	"time"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

// Peer is one connection, as far as its carrier knows it.
type Peer struct {
	ID            uint64  `json:"id"`
	Role          string  `json:"role"` // publisher, subscriber, or debug: a subscriber of the copy for debugging
	Address       string  `json:"address"`
	Type          string  `json:"type,omitempty"` // the peer's ZeroMQ socket type
	Age           float64 `json:"age"`            // seconds
	Subscriptions int     `json:"subscriptions"`
	QueueMessages int     `json:"queue_messages"`
	QueueBytes    int64   `json:"queue_bytes"`
	Sent          uint64  `json:"sent"`
	Received      uint64  `json:"received"`
	Dropped       uint64  `json:"dropped"`
}

// socket is what Outlet and Inlet share.
type socket interface {
	Peers() []carrier.Peer
	Endpoints() []string
}

func peersOf(s socket, role string) []Peer {
	out := []Peer{}
	for _, p := range s.Peers() {
		out = append(out, Peer{ID: p.ID, Role: role, Address: p.Address, Type: p.Type, Age: time.Since(p.Since).Seconds(),
			Subscriptions: p.Subscriptions, QueueMessages: p.QueueMessages, QueueBytes: p.QueueBytes,
			Sent: p.Sent, Received: p.Received, Dropped: p.Dropped})
	}
	return out
}

func outletPeers(o carrier.Outlet) []Peer {
	if o == nil {
		return []Peer{}
	}
	return peersOf(o, "subscriber")
}

func inletPeers(in carrier.Inlet) []Peer {
	if in == nil {
		return []Peer{}
	}
	return peersOf(in, "publisher")
}

// boundTo is the fact "endpoint": what a socket is bound to, commas in between.
func boundTo(s socket) string { return strings.Join(s.Endpoints(), ",") }
