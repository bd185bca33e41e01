package zmtp

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/trie"
)

var (
	errPeerClosed = &carrier.Fault{Cause: carrier.CauseLeft, Text: "closed by the peer"}
	errProbe      = &carrier.Fault{Cause: carrier.CauseProbe, Text: "closed by the peer before it had sent a byte"}
	longAgo       = time.Unix(1, 0)
)

// maxControl bounds the PINGs and PONGs that wait for one peer, in bytes.
const maxControl = 4 << 10

// conn is one connection. Its goroutine shakes hands and reads; outbox writes.
type conn struct {
	s       *socket
	io      *rawio
	id      uint64
	address string
	since   time.Time
	kind    string // socket type of the peer
	hermes  string // the version that it has announced, if any
	office  string // the post office that it is part of, if it says so
	minor   byte   // of the version of ZMTP spoken
	ready   bool   // handshake done; owned by socket.mu

	out    outbox
	shared shared   // inlets that lend
	topics trie.Set // what the peer wants (outlets); owned by out.mu

	received  atomic.Uint64
	heard     atomic.Int64 // when something last came, on the socket's clock
	busy      atomic.Bool  // not read now: what has come is processed; set until listen is first called
	ttl       atomic.Int64 // silence after which the peer wants to be dropped; 0 is never
	asked     int64        // when the first PING since then went out; owned by the pulse
	askedLast int64        // when the last PING went out; owned by the pulse

	aborted atomic.Pointer[error] // why this end gave up
}

func newConn(s *socket, nc net.Conn, from string) (*conn, error) {
	raw, err := newRawio(nc)
	if err != nil {
		return nil, err
	}
	c := &conn{s: s, io: raw, address: from, since: time.Now()}
	messages, bytes := s.role.bounds()
	c.out.init(raw, messages, bytes)
	c.busy.Store(true)
	if tcp, ok := nc.(*net.TCPConn); ok {
		_ = tcp.SetNoDelay(true)
		_ = tcp.SetKeepAliveConfig(keepAlive(s.cfg))
	}
	return c, nil
}

// keepAlive lets the kernel look after peers too old to be sent a PING.
func keepAlive(cfg carrier.Config) net.KeepAliveConfig {
	if cfg.HeartbeatInterval < 0 {
		return net.KeepAliveConfig{Enable: true}
	}
	interval := max(cfg.HeartbeatInterval, time.Second)
	return net.KeepAliveConfig{
		Enable: true, Idle: interval, Interval: interval,
		Count: max(int(cfg.HeartbeatTimeout/interval), 1),
	}
}

// abort ends the connection for a reason of this end's. It does not wait.
func (c *conn) abort(reason error) {
	if c.aborted.CompareAndSwap(nil, &reason) {
		_ = c.io.SetDeadline(longAgo)
	}
}

// why is what ended the connection, for people: this end's own reason, if it had
// one, or else what the system said.
func (c *conn) why(err error) error {
	if own := c.aborted.Load(); own != nil {
		return *own
	}
	if errors.Is(err, io.EOF) {
		return errPeerClosed
	}
	return err
}

// clock is the time on the socket's clock.
func (s *socket) clock() int64 { return int64(time.Since(s.born)) }

// hear notes a sign of life.
func (c *conn) hear() { c.heard.Store(c.s.clock()) }

// listen ends a time in which the connection was not read: only from now on does
// the peer's silence count.
func (c *conn) listen() {
	c.hear()
	c.busy.Store(false)
}

// write is the goroutine that writes what cannot be written at once.
func (c *conn) write() {
	if err := c.out.writer(); err != nil {
		c.abort(err)
	}
}

// post queues a command, and writes it if that is possible at once. A peer that
// lets more than limit bytes of the queue wait is given up.
func (c *conn) post(p []byte, limit int64) {
	c.out.mu.Lock()
	if c.out.dead {
		c.out.mu.Unlock()
		return
	}
	if waiting := c.out.bytes; waiting > limit {
		c.out.mu.Unlock()
		c.abort(fmt.Errorf("the peer does not read: %d bytes of commands wait for it", waiting))
		return
	}
	c.out.addCommand(p)
	c.kick()
}

// kick is outbox.kick for this connection. The caller holds out.mu.
func (c *conn) kick() {
	if err := c.out.kick(); err != nil {
		c.abort(err)
	}
}

// command handles the commands that both roles know. known is false for others.
func (c *conn) command(name string, data []byte) (known bool, err error) {
	switch name {
	case cmdPing:
		ttl, context, err := parsePing(data)
		if err != nil {
			return true, err
		}
		c.ttl.Store(int64(ttl) * int64(100*time.Millisecond))
		c.pong(context)
		return true, nil
	case cmdPong:
		return true, nil // that it came is all it says
	}
	return false, nil
}

// pong answers a PING, unless many answers wait already.
func (c *conn) pong(context []byte) {
	c.out.mu.Lock()
	if c.out.dead || c.out.commands > maxControl {
		c.out.mu.Unlock()
		return
	}
	c.out.addCommand(appendCommand(nil, cmdPong, context))
	c.kick()
}

// about describes the connection.
func (c *conn) about(subscriptions int) carrier.Peer {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	return carrier.Peer{
		ID: c.id, Address: c.address, Type: c.kind, Hermes: c.hermes, Since: c.since, Subscriptions: subscriptions,
		QueueMessages: c.out.messages, QueueBytes: c.out.bytes,
		Sent: c.out.sent, Received: c.received.Load(), Dropped: c.out.dropped,
	}
}

// refuseWith tells a peer why it is refused and waits a moment for it to hang up,
// so that closing does not destroy the reason on its way. Meanwhile the peer, which
// refuses this end as a rule, may say why.
func (c *conn) refuseWith(reason string, in *hello) (said string) {
	_ = c.io.SetDeadline(time.Now().Add(200 * time.Millisecond))
	if _, err := c.io.Write(appendError(nil, reason)); err != nil {
		return ""
	}
	c.io.closeWrite()
	if name, data, err := in.command(); err == nil && name == cmdError {
		said = errorText(data)
	}
	_, _ = io.CopyN(io.Discard, c.io, 64<<10)
	return said
}

// timeoutReason names the limit that a handshake has run into.
func timeoutReason(err error, limit time.Duration) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &carrier.Fault{Cause: carrier.CauseNoAnswer, Text: fmt.Sprintf("the peer did not finish its handshake within %v", limit)}
	}
	return err
}
