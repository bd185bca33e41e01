package connectivity

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

// Advice: what to check when a connection cannot be established.

// receives reports whether a socket takes envelopes, and so has to be connected to one
// that sends them.
func receives(t carrier.Type) bool { return t == carrier.SUB || t == carrier.XSUB }

// Check says what to look at where an address cannot be reached.
func Check(own carrier.Type, cause carrier.Cause, address string) string {
	if advice := checkTLS(cause); advice != "" && strings.HasPrefix(address, "tls://") {
		return advice
	}
	switch cause {
	case carrier.CauseRefused:
		return "no program listens there: check that the post office is running, and that this is its address for " + customers(own)
	case carrier.CauseLeft, carrier.CauseProbe:
		return "check that a post office listens there, and why it closes connections"
	case carrier.CauseNoRoute:
		return "check the host, and the network between here and there"
	case carrier.CauseNoAnswer:
		return "check the address, and whether a firewall drops the connection"
	case carrier.CauseNoName:
		return "check the spelling of the host name, and the name service"
	case carrier.CauseNoPath:
		return "check that the post office is running, and that its path is the same"
	case carrier.CauseForbidden:
		return "check the permissions of this user"
	case carrier.CauseNotZMTP:
		return "another kind of program listens there: check the port"
	case carrier.CauseCycle:
		return "connect only one of the two post offices to the other"
	case carrier.CauseTLS:
		return "write tls:// in place of tcp://, and set tls.ca or tls.pins"
	case carrier.CauseSecurity:
		return "set curve.server to its public key, and curve.secret to a key that it knows"
	case carrier.CauseAccess:
		return "check curve.secret here, and curve.clients or the policy there"
	case carrier.CauseAuth:
		return "check curve.server here, and the key of what listens there"
	}
	return "check the address, and the log of what listens there"
}

// checkTLS is Check for addresses of TLS, where that differs.
func checkTLS(cause carrier.Cause) string {
	switch cause {
	case carrier.CauseAccess:
		return "check tls.cert here, and tls.clients, tls.ca, tls.pins or the policy there"
	case carrier.CauseAuth:
		return "check tls.ca, tls.pins and tls.name here, and the certificate of what listens there"
	case carrier.CauseSecurity:
		return "check which versions of TLS are spoken there"
	}
	return ""
}

// customers names the components that an address is for which a socket of this type connects to.
func customers(own carrier.Type) string {
	if receives(own) {
		return "receivers"
	}
	return "publishers"
}

const (
	forPublishers = "the address for publishers; receivers connect to "
	forReceivers  = "the address for receivers; publishers connect to "
	redirection   = "this is the address for "
)

// Redirect is the text that a post office sends a peer that has connected to the wrong one of its
// sides, own, where other is the address of the right one; "" for a peer that is wrong at both.
func Redirect(own carrier.Type, kind, other string) string {
	switch sub := kind == "SUB" || kind == "XSUB"; {
	case sub && receives(own):
		return "this is " + forPublishers + other
	case (kind == "PUB" || kind == "XPUB") && !receives(own):
		return "this is " + forReceivers + other
	}
	return ""
}

// misdirected says why a socket of type own cannot be connected to address, where a socket of
// type kind listens. said is the reason that the peer gave; a post office names the right
// address in it.
func misdirected(own carrier.Type, kind, address, said string) string {
	if rest, ok := strings.CutPrefix(said, redirection); ok {
		return address + " is the address for " + printable(rest)
	}
	switch {
	case own == carrier.SUB && kind == "XSUB":
		return address + " is " + forPublishers + "the outgoing address of the post office"
	case own == carrier.PUB && kind == "XPUB":
		return address + " is " + forReceivers + "the incoming address of the post office"
	case receives(own) && kind == "SUB":
		return "a receiver listens there; connect to a post office or to a publisher"
	case !receives(own) && kind == "PUB":
		return "a publisher listens there; connect to a post office or to a receiver"
	case receives(own):
		return fmt.Sprintf("a socket of type %.20q listens there, which sends no envelopes; check the port", kind)
	}
	return fmt.Sprintf("a socket of type %.20q listens there, which takes no envelopes; check the port", kind)
}

// refusal says why a peer was refused that has connected to a socket of type own.
func refusal(own carrier.Type, e carrier.Event) string {
	if e.Cause != carrier.CauseWrongType {
		return e.Reason
	}
	switch e.Type {
	case "SUB", "XSUB":
		return "it is a receiver, and this is the address for publishers"
	case "PUB", "XPUB":
		return "it is a publisher, and this is the address for receivers"
	}
	return e.Reason
}

// printable is text from the network as it can be shown.
func printable(text string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return '?'
	}, text)
}
