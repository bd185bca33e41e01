package zmtp

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/curve"
)

// The beginning of a connection, in this order:
//
//	tls://:        the handshake of TLS, over which the rest goes; see tlslayer.go
//	send the greeting; read the peer's; check version and mechanism
//	NULL:          send READY; read the peer's
//	CURVE, client: send HELLO, read WELCOME, send INITIATE, read READY
//	CURVE, server: read HELLO, send WELCOME, read INITIATE, send READY
//	check the peer's socket type
//
// A peer that does not fit is sent an ERROR with the reason. The whole handshake has one
// deadline and one limit of bytes to read; what is read beyond the peer's READY is given
// to the connection. The goroutine of the connection runs it, so it has no lock.

// refusalPause is how long a refused peer is given to read the reason and hang up.
const refusalPause = 200 * time.Millisecond

// handshake reads the peer's side of a handshake, and writes ours.
type handshake struct {
	c      *conn
	stream io.ReadWriter // the socket, or TLS on it
	m      mechanism
	buf    []byte  // arrived and to be parsed
	used   int     // bytes parsed
	sec    secured // once both ends have their keys: an ERROR is sealed as well

	deadline time.Time
	place    *handshakePlace // of TLS, at a server; nil before the ClientHello
}

// shakeHands runs the handshake of a connection. early is what came behind it.
func shakeHands(c *conn) (early []byte, err error) {
	limit := c.s.cfg.HandshakeTimeout
	h := handshake{c: c, stream: c.io.Conn, m: newMechanism(c), buf: make([]byte, 0, 256), deadline: time.Now().Add(limit)}
	_ = c.io.SetDeadline(h.deadline)
	if own := c.aborted.Load(); own != nil { // before the deadline was set
		return nil, *own
	}
	defer func() { h.end(err == nil) }()
	if err = h.run(); err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = &carrier.Fault{Cause: carrier.CauseNoAnswer,
				Text: fmt.Sprintf("the peer did not finish its handshake within %v (option handshake.timeout)", limit)}
		}
		if own := c.aborted.Load(); own != nil && errors.Is(*own, errPlaceLost) {
			h.tellPlaceLost()
		}
		return nil, err
	}
	_ = c.io.SetDeadline(time.Time{})
	if own := c.aborted.Load(); own != nil { // aborted while the deadline was lifted
		return nil, *own
	}
	c.hear()
	return h.buf, nil
}

// end is called when the handshake has succeeded or failed. Of one that has failed it wipes the keys.
func (h *handshake) end(succeeded bool) {
	h.m.end(succeeded)
	if t := h.c.tls; t != nil && !succeeded {
		t.in.Wipe()
		t.out.Wipe()
	}
	h.place.leave()
}

func (h *handshake) run() error {
	c := h.c
	if c.overTLS {
		if err := h.startTLS(); err != nil {
			return err
		}
	}
	greeting, err := h.greet()
	if err != nil {
		return err
	}
	if err := checkMechanism(greeting, h.m); err != nil {
		h.refuse(err.Error())
		return err
	}
	c.minor = peerMinor(greeting)
	if h.m.name() == mechanismNull {
		if err := h.admit(h.m.result()); err != nil {
			return err
		}
	}
	if err := h.authenticate(); err != nil {
		return err
	}
	// libzmq accepts a peer that does not state its type.
	if c.peer.socketType != "" && !c.s.role.accepts(c.peer.socketType) {
		return h.refuseType()
	}
	return nil
}

// authenticate exchanges commands until the mechanism has finished.
func (h *handshake) authenticate() error {
	body, err := h.m.begin()
	for {
		if err != nil {
			return err
		}
		if body != nil {
			if _, err := h.stream.Write(appendBody(nil, body)); err != nil {
				return h.ifHungUp(err)
			}
		}
		name, data, err := h.readCommand()
		if err != nil {
			return h.ifHungUp(err)
		}
		step, tell, err := h.m.receive(name, data)
		if tell != "" {
			h.refuse(tell)
		}
		if err != nil {
			return err
		}
		if !step.Done {
			body = step.Answer
			continue
		}
		return h.finish(step)
	}
}

// finish takes what the mechanism has found out, and sends its last answer.
func (h *handshake) finish(step curve.Step) (err error) {
	c, sec := h.c, h.m.result()
	if step.Answer == nil {
		h.sec = sec
	}
	if c.peer, err = parseReady(step.Metadata); err != nil {
		h.refuse(err.Error())
		return err
	}
	if h.m.name() != mechanismNull {
		if err := h.admit(sec); err != nil {
			return err
		}
	}
	if step.Answer != nil {
		if _, err := h.stream.Write(appendBody(nil, step.Answer)); err != nil {
			return err
		}
	}
	h.sec = sec
	c.setSecurity(sec)
	return nil
}

// admit asks the policy whether the peer may connect, and tells it if not.
func (h *handshake) admit(sec secured) error {
	if f := h.c.admit(identityOf(h.c, h.m.name(), sec)); f != nil {
		h.refuse(f.Said)
		return f
	}
	return nil
}

// ifHungUp explains an error that means that the peer has closed the connection.
func (h *handshake) ifHungUp(err error) error {
	if carrier.CauseOf(err) == carrier.CauseLeft {
		if f := h.m.hungUp(); f != nil {
			return f
		}
	}
	return err
}

// tellPlaceLost refuses a peer that was waited for too long, unless TLS has not got far enough to say so.
func (h *handshake) tellPlaceLost() {
	if !h.c.overTLS || h.c.tls != nil {
		_ = h.c.io.SetDeadline(time.Now().Add(refusalPause)) // abort has set one
		h.refuse(errPlaceLost.Error())
	}
}

// refuseType refuses a peer whose type is wrong. One that has come to the wrong side of
// a post office is told where the other side is.
func (h *handshake) refuseType() error {
	c := h.c
	f := &carrier.Fault{Cause: carrier.CauseWrongType, Type: c.peer.socketType,
		Text: fmt.Sprintf("a peer of type %.20q cannot be connected to a %s", c.peer.socketType, c.s.cfg.Type)}
	reason := f.Text
	if redirect := c.s.cfg.Redirect; redirect != nil {
		if better := redirect(c.peer.socketType, localHost(c.io.Conn)); better != "" {
			reason = better
		}
	}
	f.Said = h.refuse(reason)
	return f
}

// refuse sends an ERROR and waits a moment for the peer to hang up, so that closing does
// not destroy the reason on its way. Meanwhile the peer, which refuses this end as a
// rule, may give its own reason.
func (h *handshake) refuse(reason string) (said string) {
	frame := appendError(nil, reason)
	if h.sec.seal != nil {
		flags, head, _, _ := parseHeader(frame)
		frame = h.sec.seal.Append(nil, flags, frame[head:])
	}
	if _, err := h.stream.Write(frame); err != nil {
		return ""
	}
	_ = h.c.io.SetDeadline(time.Now().Add(refusalPause)) // not before: a busy machine may take longer to write
	if s, ok := h.stream.(tlsStream); ok {
		_ = s.CloseWrite()
	}
	h.c.io.closeWrite()
	if name, data, err := h.readCommand(); err == nil && name == cmdError {
		said = errorText(data)
	}
	_, _ = io.CopyN(io.Discard, h.c.io.Conn, 64<<10)
	return said
}

// letRead waits a moment for the peer to hang up, so that closing does not destroy what it is to
// read.
func (h *handshake) letRead() {
	_ = h.c.io.SetDeadline(time.Now().Add(refusalPause))
	h.c.io.closeWrite()
	_, _ = io.CopyN(io.Discard, h.c.io.Conn, 64<<10)
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

// carefulWait is how long a careful greeting waits for the beginning of the peer's.
const carefulWait = 200 * time.Millisecond

// greet exchanges greetings. libzmq hangs up as soon as it reads that the peer has another
// mechanism, before its own greeting is sent. To learn which it has, the part of the greeting with
// ours is sent after the beginning of the peer's has come; that costs a round trip, so with NULL
// it is done only after a peer has hung up. A peer that waits for the whole greeting gets it.
func (h *handshake) greet() (peers []byte, err error) {
	c, own := h.c, ownGreeting(h.m)
	if h.m.name() != mechanismNull || c.s.careful.Load() && c.tls == nil {
		if _, err := h.stream.Write(own[:mechanismAt]); err != nil {
			return nil, err
		}
		own = own[mechanismAt:]
		_ = c.io.SetDeadline(time.Now().Add(min(carefulWait, c.s.cfg.HandshakeTimeout)))
		err := h.readGreeting(mechanismAt)
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, err
		}
		_ = c.io.SetDeadline(h.deadline)
		if own := c.aborted.Load(); own != nil { // before the deadline was set again
			return nil, *own
		}
	}
	if _, err := h.stream.Write(own); err != nil {
		return nil, err
	}
	err = h.readGreeting(greetingSize)
	if c.tls == nil {
		c.s.careful.Store(carrier.CauseOf(err) == carrier.CauseLeft || carrier.CauseOf(err) == carrier.CauseProbe)
	}
	if err != nil {
		return nil, err
	}
	return h.take(greetingSize), nil
}

// readGreeting reads the first size bytes of the peer's greeting, and fails as soon as it cannot
// be one.
func (h *handshake) readGreeting(size int) error {
	for len(h.buf) < size {
		if err := h.readMore(greetingSize); err != nil {
			if len(h.buf) == 0 && carrier.CauseOf(err) == carrier.CauseLeft {
				return h.hungUpEarly()
			}
			if carrier.CauseOf(err) == carrier.CauseLeft && h.m.name() == mechanismNull {
				return errMechanism
			}
			return err
		}
		if err := checkGreeting(h.buf); err != nil {
			if carrier.CauseOf(err) == carrier.CauseTLS {
				h.letRead()
			}
			return err
		}
	}
	return nil
}

// hungUpEarly is the error for a peer that has closed the connection before its greeting.
func (h *handshake) hungUpEarly() error {
	if h.c.tls == nil || h.c.bound {
		return errProbe
	}
	return &carrier.Fault{Cause: carrier.CauseLeft, Suspect: carrier.CauseAccess,
		Text: "closed by the peer right after the handshake of TLS: perhaps it does not accept this end's certificate"}
}

// readCommand reads one command, which is sealed once both ends have their keys.
func (h *handshake) readCommand() (name string, data []byte, err error) {
	body, err := h.readFrame()
	if err == nil && h.sec.open != nil {
		body, err = h.openCommand(body)
	}
	if err != nil {
		return "", nil, err
	}
	return parseCommand(body)
}

var errNoCommand = errors.New("the peer sent a message in place of READY")

func (h *handshake) openCommand(sealed []byte) (body []byte, err error) {
	flags, body, err := h.sec.open.Open(sealed)
	if err == nil && flags&batch.FlagCommand == 0 {
		err = errNoCommand
	}
	return body, err
}

// readFrame reads the body of one frame, which is a command's unless it is sealed.
func (h *handshake) readFrame() (body []byte, err error) {
	for {
		flags, head, size, err := parseHeader(h.buf)
		switch {
		case errors.Is(err, errShortFrame):
			if err := h.readMore(longHeader); err != nil {
				return nil, err
			}
			continue
		case err != nil:
			return nil, err
		case flags&batch.FlagCommand == 0 && h.sec.open == nil:
			return nil, errNoCommand
		}
		if err := checkHandshake(&h.c.s.cfg.Limits, uint64(h.used)+size); err != nil {
			return nil, err
		}
		whole := head + int(size)
		if len(h.buf) >= whole {
			return h.take(whole)[head:], nil
		}
		if err := h.readMore(whole); err != nil {
			return nil, err
		}
	}
}

// take splits n bytes off what has arrived.
func (h *handshake) take(n int) []byte {
	p := h.buf[:n:n]
	h.buf = h.buf[n:]
	h.used += n
	return p
}

// readMore reads on, making room for want bytes step by step.
func (h *handshake) readMore(want int) error {
	if len(h.buf) == cap(h.buf) {
		if err := checkHandshake(&h.c.s.cfg.Limits, uint64(h.used+len(h.buf)+1)); err != nil {
			return err
		}
		grown := make([]byte, len(h.buf), min(want, 2*len(h.buf))+256)
		copy(grown, h.buf)
		h.buf = grown
	}
	n, err := h.stream.Read(h.buf[len(h.buf):cap(h.buf)])
	h.buf = h.buf[:len(h.buf)+n]
	if n > 0 {
		return nil
	}
	return err
}
