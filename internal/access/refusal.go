package access

import (
	"net"
	"strings"

	"github.com/hermes-zmq/hermes/internal/notify"
)

// maxRefusals is how many kinds of refusals are told apart.
const maxRefusals = 4096

// denial is a kind of refusals, of which one event is given in a while.
type denial struct {
	action, user, peer, address, topic, origin, reason string
}

// repeats count the refusals of a kind that have not been reported.
type repeats struct{ event, audit notify.Limiter }

func (r denial) entry(count uint64) entry {
	e := entry{Action: r.action, Result: "denied", User: r.user, Peer: r.peer, Address: r.address, Topic: r.topic, Origin: r.origin, Reason: r.reason}
	if count > 1 {
		e.Count = count
	}
	return e
}

// IsRefusal reports whether the reason in a peer's ERROR says that this end may not connect: in the
// words of a Refusal, or as the status of ZAP (RFC 27), which libzmq sends.
func IsRefusal(reason string) bool {
	return strings.HasSuffix(reason, " is not known") || strings.Contains(reason, " may not ") || reason == "400"
}

// host is an address without its port: a peer that tries again comes from another one.
func host(address string) string {
	scheme, rest, ok := strings.Cut(address, "://")
	if h, _, err := net.SplitHostPort(rest); ok && err == nil {
		return scheme + "://" + h
	}
	return address
}
