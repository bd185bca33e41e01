package zmtp

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/hermes-zmq/hermes/internal/access"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/flow"
	"github.com/hermes-zmq/hermes/internal/inproc"
	"github.com/hermes-zmq/hermes/internal/policy"
	"github.com/hermes-zmq/hermes/internal/systemtopic"
	"github.com/hermes-zmq/hermes/internal/trie"
)

var (
	errPeerClosed = &carrier.Fault{Cause: carrier.CauseLeft, Text: "closed by the peer"}
	errProbe      = &carrier.Fault{Cause: carrier.CauseProbe, Text: "closed by the peer before it had sent a byte"}
	errMechanism  = &carrier.Fault{Cause: carrier.CauseLeft,
		Text: "closed by the peer in the middle of its greeting: perhaps it demands a security mechanism, such as CURVE"}
	longAgo = time.Unix(1, 0)
)

// conn is one connection. Its goroutine (socket.serve) shakes hands and reads, a second
// one (write) writes what cannot be written at once. It ends when reading ends, which
// abort makes happen; nothing waits for a peer to agree.
type conn struct {
	remoteEnd
	s     *socket
	io    *rawio
	id    uint64
	since time.Time

	// Set by the handshake, constant afterwards.
	peer     properties      // what the peer has announced
	minor    byte            // of the version of ZMTP spoken
	identity policy.Identity // what the peer has proved to be
	proved   bool            // identity was asked about, under a policy
	tls      *tlsLayer       // nil: there is no TLS
	guarded  protection      // nil: frames are sent and arrive as they are
	offered  carrier.History // what this end has announced (PUB side)

	rights atomic.Pointer[access.Rights] // nil without a policy

	ready    bool        // the handshake has succeeded; guarded by socket.mu
	left     bool        // it was a peer, and is none any more; guarded by socket.events
	expelled atomic.Bool // its user has lost all rights, and the connection is about to end

	out      sendBuffer
	topics   trie.Set      // what the peer subscribes to (PUB side); guarded by out.mu
	catchUp  *catchUp      // of a peer that has asked for history (PUB side), or nil; set by its goroutine, with events and out.mu held
	narrowed *narrowing    // what it has asked for, under a policy (PUB side); nil without
	region   publishRegion // under a policy (SUB side); the goroutine that delivers uses it
	reader   sharedReader  // of a connection whose reading can be leased (SUB side)
	heartbeat

	subscribed atomic.Int64                // when the peer last subscribed, on the clock of package flow; 0: it has no topics but system topics, or is gone (PUB side)
	source     atomic.Pointer[flow.Source] // the peer as a publisher (SUB side); nil before attach
	received   atomic.Uint64               // messages

	// Parts of received (SUB side): see carrier.Peer.
	receivedSystem, denied, filtered atomic.Uint64
	aborted                          atomic.Pointer[error] // why this end gave up, or nil
}

func newConn(s *socket, nc net.Conn, from remoteEnd) (*conn, error) {
	within, isWithin := nc.(*inproc.Conn)
	if isWithin {
		nc = withinConn{within}
	}
	raw, err := newRawio(nc)
	if err != nil {
		return nil, err
	}
	c := &conn{s: s, io: raw, remoteEnd: from, since: time.Now()}
	if c.peerCredentials = readCredentials(nc); isWithin {
		c.peerCredentials = ownCredentials()
	}
	messages, bytes := s.role.bounds()
	c.out.init(raw, messages, bytes)
	c.out.within = within
	c.out.backlog = s.role.newBacklog()
	c.reader.mu.Rank(lockFamily, rankReader)
	c.busy.Store(true)
	if tcp, ok := nc.(*net.TCPConn); ok {
		_ = tcp.SetNoDelay(true)
		_ = tcp.SetKeepAliveConfig(keepAlive(&s.cfg))
	}
	return c, nil
}

// setSecurity is called by the handshake with its result.
func (c *conn) setSecurity(s secured) {
	switch {
	case s.seal != nil:
		c.guarded = &curveProtection{s.seal, s.open}
	case c.tls != nil:
		c.guarded = c.tls
	default:
		return
	}
	c.out.protect(c.guarded.output())
}

// abort ends the connection for a reason of this end's. It does not wait.
func (c *conn) abort(reason error) {
	if c.aborted.CompareAndSwap(nil, &reason) {
		_ = c.io.SetDeadline(longAgo)
	}
}

// losePlace ends the handshake, whose place is needed for another one. It does not wait.
func (c *conn) losePlace() { c.abort(errPlaceLost) }

// reason is what ended the connection, for people: this end's own reason, if it had
// one, or else what the system reported.
func (c *conn) reason(err error) error {
	if own := c.aborted.Load(); own != nil {
		return *own
	}
	if errors.Is(err, io.EOF) {
		if c.tls != nil && !c.tls.ended {
			return errTruncated
		}
		return errPeerClosed
	}
	return err
}

// hear notes a sign of life.
func (c *conn) hear() { c.lastHeard.Store(c.s.clock()) }

// readingAgain ends a time in which the connection was not read: only from now on does
// the peer's silence count.
func (c *conn) readingAgain() {
	c.hear()
	c.busy.Store(false)
}

// write is the goroutine that writes what cannot be written at once.
func (c *conn) write() {
	if err := c.out.runWriter(); err != nil {
		c.abort(tlsFault(c, err))
	}
}

// flush is sendBuffer.flush for this connection. The caller holds out.mu, which flush
// releases.
func (c *conn) flush() {
	if err := c.out.flush(); err != nil {
		c.abort(tlsFault(c, err))
	}
}

// post queues a command, and writes it if that is possible at once. A peer that
// lets more than limit bytes of the queue wait is disconnected.
func (c *conn) post(p []byte, limit int64) {
	c.out.mu.Lock()
	if c.out.over() {
		c.out.mu.Unlock()
		return
	}
	if waiting := c.out.bytes; waiting > limit {
		c.out.mu.Unlock()
		c.abort(fmt.Errorf("the peer does not read: %d bytes of commands are queued for it", waiting))
		return
	}
	c.out.addCommand(p)
	c.flush()
}

// postControl queues a PING or PONG, unless many wait already.
func (c *conn) postControl(p []byte) {
	c.out.mu.Lock()
	if c.out.over() || c.out.commands > maxControl {
		c.out.mu.Unlock()
		return
	}
	c.out.addCommand(p)
	c.flush()
}

var errAllDelivered = errors.New("everything has been delivered, and the peer, which is alive, does not look for the end")

// over reports whether this end has shut down its direction, and all of it has reached the system of the
// peer. That one may not read for long, in a program with a reader lease that does something else.
func (c *conn) over() bool {
	c.out.mu.Lock()
	shut := c.out.shut
	c.out.mu.Unlock()
	return shut && c.io.delivered()
}

// command handles the commands that both roles know. known is false for others.
func (c *conn) command(name string, data []byte) (known bool, err error) {
	switch name {
	case cmdPing:
		ttl, context, err := parsePing(data)
		if err != nil {
			return true, err
		}
		if c.over() {
			return true, errAllDelivered
		}
		c.ttl.Store(int64(ttl) * int64(100*time.Millisecond))
		c.postControl(appendCommand(nil, cmdPong, context))
		return true, nil
	case cmdPong:
		return true, nil // hear has noted it
	case cmdDenied:
		c.s.emit(carrier.Event{Kind: carrier.Denied, Peer: c.id, Address: c.address, Reason: printableReason(data)})
		return true, nil
	}
	return false, nil
}

// changeTopics adds a prefix to the peer's subscriptions, or removes it, and reports
// whether that was a change. Where it is one more prefix, before is called first, with
// the lock of the send buffer held.
func (c *conn) changeTopics(on bool, prefix []byte, before func()) (changed bool, err error) {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	if !on {
		_, changed = c.topics.Remove(prefix)
		changed = c.catchUp.forget(prefix) || changed
		if changed && c.onlySystem() {
			c.subscribed.Store(0)
		}
		return changed, nil
	}
	if more, err := c.isOneMore(prefix); !more {
		return false, err
	}
	if before != nil {
		before()
	}
	if !c.isSystem(prefix) {
		c.subscribed.Store(int64(flow.Now()))
	}
	return c.topics.Add(prefix), nil
}

// isOneMore reports whether the peer may subscribe to prefix, and does not yet. The caller holds
// out.mu, as for subscriptions, eachTopic, follows and wants.
func (c *conn) isOneMore(prefix []byte) (bool, error) {
	if c.topics.Count(prefix) > 0 || c.catchUp.has(prefix) {
		return false, nil
	}
	if c.narrowed == nil { // otherwise what was asked for has been checked
		bytes := c.topics.Bytes()
		if c.catchUp != nil {
			bytes += c.catchUp.asked.Bytes()
		}
		if err := checkSubscription(&c.s.cfg.Limits, c.subscriptions(), bytes, prefix); err != nil {
			return false, err
		}
	}
	return true, nil
}

// subscriptions is how many prefixes the peer subscribes to.
func (c *conn) subscriptions() int {
	if c.catchUp == nil {
		return c.topics.Len()
	}
	return c.topics.Len() + c.catchUp.asked.Len()
}

// eachTopic calls f for every prefix that the peer subscribes to. The caller holds events in place of
// out.mu: nothing else changes them.
func (c *conn) eachTopic(f func(prefix []byte)) {
	each := func(prefix []byte, _ int) { f(prefix) }
	c.topics.Each(each)
	if c.catchUp != nil {
		c.catchUp.asked.Each(each)
	}
}

// follows reports whether the peer is sent messages of a topic as they come.
func (c *conn) follows(topic []byte) bool {
	if c.isSystem(topic) {
		return c.topics.MatchFrom(len(systemtopic.Sign), topic) || c.catchUp != nil && c.catchUp.isLive(topic)
	}
	return c.topics.Match(topic) || c.catchUp != nil && c.catchUp.isLive(topic)
}

// isSystem reports whether a topic goes only to subscriptions for system topics.
func (c *conn) isSystem(topic []byte) bool {
	s := c.s.cfg.System
	return s != "" && len(topic) >= len(s) && string(topic[:len(s)]) == s
}

// onlySystem reports whether the peer subscribes to nothing but system topics. The caller holds out.mu.
func (c *conn) onlySystem() bool {
	all := c.subscriptions()
	if s := c.s.cfg.System; s != "" && all > 0 {
		c.topics.Under([]byte(s), func([]byte) { all-- })
		if c.catchUp != nil {
			c.catchUp.asked.Under([]byte(s), func([]byte) { all-- })
		}
	}
	return all == 0
}

// wants reports whether messages of a topic are sent to the peer.
func (c *conn) wants(topic []byte) bool { return c.follows(topic) && c.mayReceive(topic) }

// describe describes the connection.
func (c *conn) describe(subscriptions int) carrier.Peer {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	messages, bytes := c.out.queued()
	p := carrier.Peer{
		Instance: c.peer.instance, System: c.out.spanQueue.system,
		ReceivedSystem: c.receivedSystem.Load(), Denied: c.denied.Load(), Filtered: c.filtered.Load(),
		ID: c.id, Address: c.address, Type: c.peer.socketType, Hermes: c.peer.hermes, Key: cmp.Or(c.identity.Key, c.identity.Fingerprint), Local: c.credentials(), Since: c.since,
		Subscriptions: subscriptions, QueueMessages: messages, QueueBytes: bytes,
		Sent: c.out.sent, Received: c.received.Load(), Dropped: c.out.dropped,
	}
	if r := c.rights.Load(); r != nil {
		p.User = r.User.Name()
	}
	if s := c.source.Load(); s != nil {
		p.Held = s.Held(flow.Now())
	}
	if k := c.out.backlog; k != nil {
		p.DroppedOld, p.DroppedConflated = k.old, k.conflated
		p.Dropped += k.old + k.conflated
	}
	return p
}
