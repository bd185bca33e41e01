package zmtp

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
)

// shake exchanges greetings and READYs. early is what came behind the peer's READY.
func (c *conn) shake() (early []byte, err error) {
	limit := c.s.cfg.HandshakeTimeout
	_ = c.io.SetDeadline(time.Now().Add(limit))
	early, err = c.handshake()
	if err != nil {
		return nil, timeoutReason(err, limit)
	}
	_ = c.io.SetDeadline(time.Time{})
	if own := c.aborted.Load(); own != nil { // aborted while the deadline was lifted
		return nil, *own
	}
	c.hear()
	return early, nil
}

func (c *conn) handshake() (early []byte, err error) {
	if _, err := c.io.Write(ownGreeting[:]); err != nil {
		return nil, err
	}
	in := hello{c: c, buf: make([]byte, 0, 256)}
	greeting, err := in.greeting()
	if err != nil {
		return nil, err
	}
	if err := checkMechanism(greeting); err != nil {
		c.refuseWith(err.Error(), &in)
		return nil, err
	}
	c.minor = peerMinor(greeting)
	if _, err := c.io.Write(appendReady(nil, c.s.cfg.Type.String(), c.s.announcement()...)); err != nil {
		return nil, err
	}
	if err := c.meet(&in); err != nil {
		return nil, err
	}
	return in.buf, nil
}

// meet reads the command that ends the peer's handshake.
func (c *conn) meet(in *hello) error {
	name, data, err := in.command()
	if err != nil {
		return err
	}
	switch name {
	case cmdError:
		return fmt.Errorf("the peer refused: %s", errorReason(data))
	case cmdReady:
	default:
		return fmt.Errorf("the peer sent the command %q in place of READY", name)
	}
	peer, err := readyProperties(data)
	if err != nil {
		c.refuseWith(err.Error(), in)
		return err
	}
	c.kind, c.hermes, c.office = peer.kind, peer.version, peer.office
	// One that does not say is taken at its word that it fits, as libzmq does.
	if c.kind != "" && !c.s.role.accepts(c.kind) {
		return c.refuseType(in)
	}
	return nil
}

// refuseType refuses a peer whose type is wrong. One that has come to the wrong side of
// a post office is told where the other side is.
func (c *conn) refuseType(in *hello) error {
	f := &carrier.Fault{Cause: carrier.CauseWrongType, Type: c.kind,
		Text: fmt.Sprintf("a peer of type %.20q cannot be connected to a %s", c.kind, c.s.cfg.Type)}
	reason := f.Text
	if redirect := c.s.cfg.Redirect; redirect != nil {
		if better := redirect(c.kind, localHost(c.io.Conn)); better != "" {
			reason = better
		}
	}
	f.Said = c.refuseWith(reason, in)
	return f
}

// localHost is the host by which a peer has reached this end; "" where it has none.
func localHost(nc net.Conn) string {
	if nc == nil || nc.LocalAddr() == nil {
		return ""
	}
	host, _, err := net.SplitHostPort(nc.LocalAddr().String())
	if err != nil {
		return ""
	}
	return host
}

// announcement is the properties that this end shows besides its type.
func (s *socket) announcement() (properties []byte) {
	if s.cfg.Hermes != "" {
		properties = appendProperty(properties, hermes, s.cfg.Hermes)
	}
	if s.cfg.Office != "" {
		properties = appendProperty(properties, office, s.cfg.Office)
	}
	return properties
}

// hello reads a peer's side of a handshake, never more than the limit.
type hello struct {
	c    *conn
	buf  []byte // arrived and not yet looked at
	used int    // looked at
}

// greeting reads the peer's greeting and gives up as soon as it cannot be one.
func (h *hello) greeting() ([]byte, error) {
	for len(h.buf) < greetingSize {
		if err := h.more(greetingSize); err != nil {
			if len(h.buf) == 0 && carrier.CauseOf(err) == carrier.CauseLeft {
				return nil, errProbe
			}
			return nil, err
		}
		if err := checkGreeting(h.buf); err != nil {
			return nil, err
		}
	}
	return h.take(greetingSize), nil
}

// command reads one command.
func (h *hello) command() (name string, data []byte, err error) {
	for {
		flags, head, size, err := header(h.buf)
		switch {
		case errors.Is(err, errShortFrame):
			if err := h.more(longHeader); err != nil {
				return "", nil, err
			}
			continue
		case err != nil:
			return "", nil, err
		case flags&batch.FlagCommand == 0:
			return "", nil, errors.New("the peer sent a message in place of READY")
		case size > uint64(h.c.s.cfg.Limits.HandshakeBytes-h.used):
			return "", nil, h.tooLong()
		}
		whole := head + int(size)
		if len(h.buf) < whole {
			if err := h.more(whole); err != nil {
				return "", nil, err
			}
			continue
		}
		return parseCommand(h.take(whole)[head:])
	}
}

func (h *hello) tooLong() error {
	return fmt.Errorf("the peer's handshake is longer than %d bytes", h.c.s.cfg.Limits.HandshakeBytes)
}

// take splits n bytes off what has arrived.
func (h *hello) take(n int) []byte {
	p := h.buf[:n:n]
	h.buf = h.buf[n:]
	h.used += n
	return p
}

// more reads on, making room for want bytes step by step.
func (h *hello) more(want int) error {
	if len(h.buf) == cap(h.buf) {
		if h.used+len(h.buf) >= h.c.s.cfg.Limits.HandshakeBytes {
			return h.tooLong()
		}
		grown := make([]byte, len(h.buf), min(want, 2*len(h.buf))+256)
		copy(grown, h.buf)
		h.buf = grown
	}
	n, err := h.c.io.Conn.Read(h.buf[len(h.buf):cap(h.buf)])
	h.buf = h.buf[:len(h.buf)+n]
	if n > 0 {
		return nil
	}
	return err
}
