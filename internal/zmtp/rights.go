package zmtp

import (
	"strings"
	"unicode"

	"github.com/hermes-zmq/hermes/internal/access"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/policy"
	"github.com/hermes-zmq/hermes/internal/safe"
)

// What a policy (carrier.Config.Access) means for connections:
//
//	handshake  admit: is the peer a user, and may it do anything here? Otherwise it gets an ERROR
//	PUB side   narrowing.go: subscriptions are cut down to what the user may receive
//	SUB side   publishcheck.go: messages that the user may not publish are removed
//	change     reviewAll: every connection gets the rights of the new policy, or ends
//
// conn.identity is constant after the handshake. conn.rights is written with events held, and read
// atomically. Between the review that finds that a peer is no user any more, and the end of its
// connection, conn.expelled keeps messages from it, and its own out.

// maxReason is how much of a reason in a HERMES-DENIED is kept, in bytes.
const maxReason = 1024

// overflowUser is what the kernel says of users that have no number in this process's user namespace
// (/proc/sys/kernel/overflowuid, as it is by default). It may be any of them.
const overflowUser = 65534

// identityOf is what the peer has proved to be.
func identityOf(c *conn, mechanism string, s secured) policy.Identity {
	id := policy.Identity{Mechanism: "plain", Address: c.at, Key: s.key}
	switch {
	case mechanism == mechanismCurve:
		id.Mechanism = "curve"
	case c.tls != nil:
		id.Mechanism, id.Fingerprint, id.Names = "tls", c.tls.identity.Fingerprint, c.tls.identity.Names
	}
	if c.local && c.uid != overflowUser {
		id.Local, id.UID, id.GID = true, c.uid, c.gid
	}
	return id
}

// admit finds the rights of a peer that has proved who it is. The error refuses it.
func (c *conn) admit(id policy.Identity) *carrier.Fault {
	c.identity = id
	control := c.s.cfg.Access
	if control == nil {
		return nil
	}
	r, refused := control.Admit(id, c.s.role.side())
	c.proved = true
	if refused != nil {
		control.Refused(c.asPeer(), refused.Reason)
		return &carrier.Fault{Cause: carrier.CauseAuth, Text: refused.Reason, Said: refused.Tell}
	}
	if c.s.role.side() == access.Subscribes {
		c.narrowed = newNarrowing() // not later: a review may come as soon as the peer has joined
	}
	c.rights.Store(r)
	return nil
}

// auditRefusal writes to the audit log that the handshake of a peer at a bound address has failed before
// it had proved who it is. Those that connect and leave without a byte are no attempts: monitors do so.
func (s *socket) auditRefusal(from remoteEnd, err error) {
	if s.cfg.Access != nil && from.bound && !s.closed.Load() && carrier.CauseOf(err) != carrier.CauseProbe {
		s.cfg.Access.RefusedUnproved(from.address, carrier.Reason(err))
	}
}

// asPeer is the connection for package access.
func (c *conn) asPeer() access.Peer {
	return access.Peer{ID: c.id, Address: c.address, Identity: c.identity}
}

// admitted is called for a peer that has joined. The policy may have changed since admit.
func (s *socket) admitted(c *conn) {
	if r := c.rights.Load(); r != nil {
		s.cfg.Access.Connected(r, c.asPeer())
		s.reviewOne(c)
	}
}

// departed is called when a peer is gone.
func (s *socket) departed(c *conn, reason error) {
	if r := c.rights.Load(); r != nil {
		s.cfg.Access.Disconnected(r, c.asPeer(), carrier.Reason(reason))
	}
}

// reviewAll gives every peer its rights under the present policy. One for which that fails is
// disconnected, and the others have theirs.
func (s *socket) reviewAll() {
	for _, c := range *s.peers.Load() {
		safe.Do(c.abort, func() { s.reviewOne(c) })
	}
}

// reviewOne is reviewAll for one peer. One that is no user any more is told, and disconnected.
func (s *socket) reviewOne(c *conn) {
	s.events.Lock()
	defer s.events.Unlock()
	control := s.cfg.Access
	if old := c.rights.Load(); old == nil || control.Current(old) || c.aborted.Load() != nil || c.left {
		return
	}
	r, refused := control.Admit(c.identity, s.role.side())
	if refused != nil {
		control.Refused(c.asPeer(), refused.Reason)
		c.tellDenied(refused.Reason)
		c.expelled.Store(true)
		c.abort(&carrier.Fault{Cause: carrier.CauseAuth, Text: refused.Reason})
		return
	}
	c.postDenied(nil) // what was denied so far may be allowed now; what is not is told again
	s.role.review(c, r)
}

// printableReason is a reason that a peer gives, for people.
func printableReason(data []byte) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, string(data[:min(len(data), maxReason)]))
}

// tellDenied tells a hermes peer what it has no right to. One that does not read is not told.
func (c *conn) tellDenied(reason string) {
	if reason != "" {
		c.postDenied([]byte(reason[:min(len(reason), maxReason)]))
	}
}

// postDenied sends a HERMES-DENIED to a hermes peer. Without a reason it takes back those before.
func (c *conn) postDenied(reason []byte) {
	if c.peer.hermes != "" || c.peer.office != "" {
		c.postControl(appendCommand(nil, cmdDenied, reason))
	}
}
