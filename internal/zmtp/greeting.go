package zmtp

import (
	"bytes"
	"fmt"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

// The greeting is the first thing that either side sends (RFC 37, "The greeting"):
//
//	offset  size  meaning
//	0       10    signature: 0xff, eight bytes of any value, 0x7f
//	10      1     major version: 3
//	11      1     minor version: 0 or 1
//	12      20    security mechanism, padded with zeros: "NULL" or "CURVE"
//	32      1     as-server: 1 at the server of CURVE; libzmq sends 0 as well
//	33      31    zeros
//
// The signature is a valid beginning of a ZMTP 1.0 and 2.0 greeting, so that those peers
// are recognised as well.
const (
	greetingSize  = 64
	signatureSize = 10
	majorAt       = 10
	minorAt       = 11
	mechanismAt   = 12
	mechanismSize = 20
	asServerAt    = mechanismAt + mechanismSize

	major = 3
	minor = 1
)

// ownGreeting is what we send first.
func ownGreeting(m mechanism) []byte {
	g := make([]byte, greetingSize)
	g[0], g[signatureSize-1] = 0xff, 0x7f
	g[majorAt], g[minorAt] = major, minor
	copy(g[mechanismAt:], m.name())
	if m.asServer() {
		g[asServerAt] = 1
	}
	return g
}

// checkGreeting reports as early as possible why a greeting, of which g has arrived so
// far, cannot be answered. It tells old versions apart, so that the error text can say
// what is to be upgraded.
func checkGreeting(g []byte) error {
	switch {
	case len(g) > 1 && g[0] != 0xff:
		if isTLS(g) {
			return errSpeaksTLS
		}
		if g[1] == 0 { // ZMTP 1.0: the length of an identity, and its flags
			return errOldPeer("1.0", "libzmq 2")
		}
		return notZMTP("the peer does not speak ZMTP: it began with %q", g[:min(len(g), 16)])
	case len(g) >= signatureSize && g[signatureSize-1]&1 == 0:
		return errOldPeer("1.0", "libzmq 2")
	case len(g) > majorAt && g[majorAt] < major:
		if g[majorAt] == 0 {
			return errOldPeer("1.0", "libzmq 2")
		}
		return errOldPeer("2", "libzmq 3")
	}
	return nil
}

var errSpeaksTLS = &carrier.Fault{Cause: carrier.CauseTLS, Text: "the peer speaks TLS, and this end does not at this address: use tls://..."}

func errOldPeer(version, example string) error {
	return notZMTP("the peer speaks ZMTP %s (as %s does); 3.0, of libzmq 4.0 or newer, is the oldest understood", version, example)
}

func notZMTP(format string, args ...any) error {
	return &carrier.Fault{Cause: carrier.CauseNotZMTP, Text: fmt.Sprintf(format, args...)}
}

// peerMinor is the minor version to speak with the sender of a greeting: one of a
// newer major version speaks ours.
func peerMinor(g []byte) byte {
	if g[majorAt] > major {
		return minor
	}
	return min(g[minorAt], minor)
}

// checkMechanism checks that both ends have the same mechanism, and are not both its server.
func checkMechanism(g []byte, own mechanism) error {
	name := g[mechanismAt : mechanismAt+mechanismSize]
	if end := bytes.IndexByte(name, 0); end >= 0 && len(bytes.Trim(name[end:], "\x00")) == 0 {
		name = name[:end]
	}
	switch {
	case string(name) == own.name():
		if own.asServer() && g[asServerAt] == 1 {
			return &carrier.Fault{Cause: carrier.CauseAuth, Text: "both ends are CURVE servers: one has to be the client"}
		}
		return nil
	case string(name) == mechanismNull:
		return &carrier.Fault{Cause: carrier.CauseAuth,
			Text: fmt.Sprintf("the peer has no security mechanism (NULL), and this end demands %s", own.name())}
	}
	return &carrier.Fault{Cause: carrier.CauseSecurity,
		Text: fmt.Sprintf("the peer demands the security mechanism %q, and this end has %s", name, own.name())}
}
