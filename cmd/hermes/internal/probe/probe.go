// Package probe looks at one address step by step, as no component does: it resolves, connects,
// greets, and speaks as much ZMTP as is needed to learn who listens there and how far away it is.
// hermes doctor and hermes ping are made of it.
//
// A Conn is one connection of ours, with the mechanism NULL, over tcp, tls or ipc. It says READY
// and PING, publishes nothing, subscribes to nothing and reads only what it waits for, so that a
// peer has no work with it. Peers of CURVE are greeted, which tells their mechanism; what comes
// after takes a component with keys.
//
// Everything that is read has a bound and a deadline. A Conn is for one goroutine.
package probe

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/hermes-zmq/hermes/internal/address"
)

// The greeting of ZMTP 3.1 (RFC 37): signature, version, mechanism, as-server, filler.
const (
	greetingSize = 64
	versionAt    = 10
	mechanismAt  = 12
	asServerAt   = 32
	// maxFrame bounds what is read into memory; longer frames are skipped.
	maxFrame = 64 << 10
	// maxFrames is how many frames are read while one is awaited: a post office with many
	// subscriptions sends them all first.
	maxFrames = 1 << 20
)

// Target is an address that can be probed.
type Target struct {
	address.Address
}

// Parse parses an address that is connected to, of tcp, tls or ipc.
func Parse(text string) (Target, error) {
	a, err := address.Parse(text)
	if err != nil {
		return Target{}, err
	}
	if err := a.Resolve(); err != nil {
		return Target{}, err
	}
	switch a.Transport {
	case "tcp", "tls", "ipc":
		return Target{a}, a.Connectable()
	}
	return Target{}, fmt.Errorf("%s: a transport of libzmq alone; tcp, tls and ipc are understood here", text)
}

// Resolve gives the places to connect to: IP addresses with the port, or the path.
func (t Target) Resolve(ctx context.Context) ([]string, error) {
	if t.Transport == "ipc" {
		return []string{t.Path}, nil
	}
	hosts, err := net.DefaultResolver.LookupHost(ctx, t.Host)
	if err != nil {
		return nil, err
	}
	for i, host := range hosts {
		hosts[i] = net.JoinHostPort(host, strconv.Itoa(t.Port))
	}
	return hosts, nil
}

// Conn is a connection to a peer.
type Conn struct {
	net.Conn
	Took    time.Duration // to connect
	Peer    Greeting
	Ready   Properties
	raw     net.Conn
	scratch []byte
}

// Greeting is what a peer says first.
type Greeting struct {
	Version   string // such as 3.1
	Mechanism string // NULL, PLAIN, CURVE, GSSAPI
	AsServer  bool
}

// Properties are what a peer says of itself in READY.
type Properties struct {
	SocketType string
	Hermes     string // the version of the envelopes; "" of libzmq and of hermes 1.x
	Office     string // the number of the post office
	History    bool
}

// Dial connects to one of the places that Resolve gave. security is nil for tcp and ipc.
func (t Target) Dial(ctx context.Context, place string, security *tls.Config) (*Conn, error) {
	network := "tcp"
	if t.Transport == "ipc" {
		network = "unix"
	}
	began := time.Now()
	raw, err := new(net.Dialer).DialContext(ctx, network, place)
	if err != nil {
		return nil, err
	}
	c := &Conn{Conn: raw, raw: raw, Took: time.Since(began)}
	if deadline, ok := ctx.Deadline(); ok {
		_ = raw.SetDeadline(deadline)
	}
	if t.Transport == "tls" {
		layer := tls.Client(raw, security)
		if err := layer.HandshakeContext(ctx); err != nil {
			raw.Close()
			return nil, err
		}
		c.Conn = layer
	}
	return c, nil
}

// ErrNotZMTP is the error of a peer that speaks another protocol.
var ErrNotZMTP = errors.New("it does not speak ZMTP")

// Greet exchanges greetings.
func (c *Conn) Greet() error {
	own := make([]byte, greetingSize)
	own[0], own[9], own[versionAt], own[versionAt+1] = 0xff, 0x7f, 3, 1
	copy(own[mechanismAt:], "NULL")
	if _, err := c.Write(own); err != nil {
		return err
	}
	g := make([]byte, greetingSize)
	n, err := io.ReadFull(c, g[:versionAt+1])
	switch {
	case n > 0 && (g[0] != 0xff || n > 9 && g[9]&1 == 0):
		return fmt.Errorf("%w: it began with %q", ErrNotZMTP, g[:n])
	case err != nil:
		return noGreeting(err)
	case g[versionAt] < 3:
		c.Peer.Version = fmt.Sprintf("%d", g[versionAt]+1)
		return nil // ZMTP 2 and older have no mechanism
	}
	if _, err := io.ReadFull(c, g[versionAt+1:]); err != nil {
		return noGreeting(err)
	}
	mechanism, _, _ := strings.Cut(string(g[mechanismAt:asServerAt]), "\x00")
	c.Peer = Greeting{Version: fmt.Sprintf("%d.%d", g[versionAt], g[versionAt+1]), Mechanism: printable(mechanism), AsServer: g[asServerAt] == 1}
	return nil
}

func noGreeting(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("it closed the connection before its greeting was complete")
	}
	return err
}

// Introduce exchanges READY, as a socket of this type. The error of a peer that refuses is a
// *Refused.
func (c *Conn) Introduce(socketType string) error {
	var data []byte
	for _, p := range [][2]string{{"Socket-Type", socketType}, {"X-Hermes", "2"}} {
		data = append(append(data, byte(len(p[0]))), p[0]...)
		data = append(binary.BigEndian.AppendUint32(data, uint32(len(p[1]))), p[1]...)
	}
	if err := c.command("READY", data); err != nil {
		return err
	}
	body, err := c.await("READY", "ERROR")
	if err != nil {
		return err
	}
	if name, reason := splitCommand(body); name == "ERROR" {
		if len(reason) > 0 { // its own size stands in front of it
			reason = reason[1:]
		}
		return &Refused{printable(string(reason))}
	}
	_, data = splitCommand(body)
	return c.Ready.parse(data)
}

// Refused is the error of a peer that refuses the handshake.
type Refused struct{ Reason string }

func (e *Refused) Error() string { return "it refuses the handshake: " + e.Reason }

func (p *Properties) parse(data []byte) error {
	for len(data) > 0 {
		n := int(data[0])
		if len(data) < 1+n+4 {
			return errors.New("its READY is malformed")
		}
		name, rest := strings.ToLower(string(data[1:1+n])), data[1+n:]
		size := binary.BigEndian.Uint32(rest)
		if rest = rest[4:]; uint64(size) > uint64(len(rest)) {
			return errors.New("its READY is malformed")
		}
		value := printable(string(rest[:size]))
		switch name {
		case "socket-type":
			p.SocketType = value
		case "x-hermes":
			p.Hermes = value
		case "x-hermes-office":
			p.Office = value
		case "x-hermes-history":
			p.History = true
		}
		data = rest[size:]
	}
	return nil
}

// Ping is one round trip over the connection. Peers of ZMTP 3.0 do not answer.
func (c *Conn) Ping(number uint32) (time.Duration, error) {
	context := binary.BigEndian.AppendUint32(nil, number)
	began := time.Now()
	if err := c.command("PING", append([]byte{0, 0}, context...)); err != nil {
		return 0, err
	}
	for {
		body, err := c.await("PONG", "ERROR")
		if err != nil {
			return 0, err
		}
		switch name, data := splitCommand(body); {
		case name == "ERROR":
			return 0, &Refused{printable(string(data))}
		case bytes.Equal(data, context):
			return time.Since(began), nil
		} // the answer to one that was given up
	}
}

// KernelTime is what TCP knows of the round trip; false for ipc.
func (c *Conn) KernelTime() (time.Duration, bool) {
	raw, ok := c.raw.(*net.TCPConn)
	if !ok {
		return 0, false
	}
	control, err := raw.SyscallConn()
	if err != nil {
		return 0, false
	}
	var took time.Duration
	known := false
	err = control.Control(func(fd uintptr) { took, known = roundTrip(int(fd)) })
	return took, known && err == nil
}

// Subscriptions reads the subscriptions that a peer sends to a publisher, until one begins with
// prefix; the error is that of the deadline, if none does.
func (c *Conn) Subscriptions(prefix string) error {
	for range maxFrames {
		flags, body, err := c.frame()
		if err != nil {
			return err
		}
		name, data := "", body
		if flags&4 != 0 {
			name, data = splitCommand(body)
		} else if len(body) > 0 && body[0] == 1 {
			name, data = "SUBSCRIBE", body[1:]
		}
		if name == "SUBSCRIBE" && strings.HasPrefix(string(data), prefix) {
			return nil
		}
	}
	return errors.New("it sent too many subscriptions")
}

// Until sets the deadline of what follows.
func (c *Conn) Until(t time.Time) { _ = c.SetDeadline(t) }

func (c *Conn) command(name string, data []byte) error {
	body := append(append([]byte{byte(len(name))}, name...), data...)
	_, err := c.Write(append([]byte{4, byte(len(body))}, body...))
	return err
}

// await reads until one of two commands comes.
func (c *Conn) await(one, other string) ([]byte, error) {
	for range maxFrames {
		flags, body, err := c.frame()
		if err != nil {
			return nil, err
		}
		if name, _ := splitCommand(body); flags&4 != 0 && (name == one || name == other) {
			return body, nil
		}
	}
	return nil, fmt.Errorf("no %s among the first %d frames", one, maxFrames)
}

// frame reads one frame; the body is valid until the next one. Of one that is longer than
// maxFrame the beginning is given.
func (c *Conn) frame() (flags byte, body []byte, err error) {
	head := make([]byte, 9)
	if _, err := io.ReadFull(c, head[:2]); err != nil {
		return 0, nil, closed(err)
	}
	flags, size := head[0], uint64(head[1])
	if flags&^7 != 0 {
		return 0, nil, fmt.Errorf("%w: a frame with reserved flags (0x%02x)", ErrNotZMTP, flags)
	}
	if flags&2 != 0 {
		if _, err := io.ReadFull(c, head[2:9]); err != nil {
			return 0, nil, closed(err)
		}
		size = binary.BigEndian.Uint64(head[1:9])
	}
	if c.scratch == nil {
		c.scratch = make([]byte, maxFrame)
	}
	body = c.scratch[:min(size, maxFrame)]
	if _, err := io.ReadFull(c, body); err != nil {
		return 0, nil, closed(err)
	}
	if size > maxFrame {
		if _, err := io.CopyN(io.Discard, c, int64(min(size-maxFrame, 1<<62))); err != nil {
			return 0, nil, closed(err)
		}
	}
	return flags, body, nil
}

func closed(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("it closed the connection")
	}
	return err
}

func splitCommand(body []byte) (name string, data []byte) {
	if len(body) == 0 || len(body) < 1+int(body[0]) {
		return "", nil
	}
	n := 1 + int(body[0])
	return string(body[1:n]), body[n:]
}

// printable is text from the network as it can be shown.
func printable(text string) string {
	return strings.Map(func(c rune) rune {
		if strconv.IsPrint(c) {
			return c
		}
		return '?'
	}, text)
}
