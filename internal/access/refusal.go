package access

import (
	"net"
	"strings"

	"github.com/hermes-zmq/hermes/internal/notify"
)

// maxRefusals is how many kinds of refusals are told apart.
const maxRefusals = 4096

// maxFresh is how many kinds of refusals begin at one source in a second. Further ones are put
// together: topics, origins and keys are what a peer likes, and each would have an event and a line of
// the audit log.
const maxFresh = 100

// longestText is how much of a topic or an origin is kept, in bytes: a kind of refusals stays in memory.
const longestText = 256

// shortened is a topic or an origin as it is reported.
func shortened(text string) string {
	if len(text) <= longestText {
		return text
	}
	return strings.ToValidUTF8(text[:longestText], "") + "..."
}

// denial is a kind of refusals, of which one event is given in a while.
type denial struct {
	action, user, peer, address, topic, origin, reason string
}

// source is where refusals come from, as the kind of those that are not told apart.
func (r denial) source() denial {
	return denial{action: r.action, user: r.user, address: host(r.address), reason: "various, which are too many to be told apart"}
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
