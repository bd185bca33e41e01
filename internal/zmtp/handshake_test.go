package zmtp

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/curve"
)

// scriptedConn is a connection on which everything that the peer sends has arrived.
type scriptedConn struct {
	net.Conn // nil: nothing else is called
	in       *bytes.Reader
	piece    int
	out      bytes.Buffer
}

func (s *scriptedConn) Read(p []byte) (int, error) { return s.in.Read(p[:min(len(p), s.piece)]) }

func (s *scriptedConn) Write(p []byte) (int, error) { return s.out.Write(p) }

func (s *scriptedConn) SetDeadline(time.Time) error { return nil }

// scriptedHandshake shakes hands with a peer that sends p, in pieces.
func scriptedHandshake(kind carrier.Type, p []byte, piece int, l carrier.Limits) (c *conn, s *scriptedConn, early []byte, err error) {
	s = &scriptedConn{in: bytes.NewReader(p), piece: piece}
	c = scriptedPeer(kind, s, l)
	early, err = shakeHands(c)
	return c, s, early, err
}

// scriptedPeer is a connection before its handshake.
func scriptedPeer(kind carrier.Type, s *scriptedConn, l carrier.Limits) *conn {
	var sock *socket
	if kind == carrier.PUB || kind == carrier.XPUB {
		o := &outlet{}
		sock, o.role = &o.socket, o
	} else {
		i := &inlet{}
		sock, i.role = &i.socket, i
	}
	sock.cfg = carrier.Config{Type: kind, Limits: l}.WithDefaults()
	return &conn{s: sock, io: &rawio{Conn: s}}
}

// Setting the deadline of the handshake takes back the one with which abort ends all waiting.
func TestAConnectionThatWasAbortedShakesNoHands(t *testing.T) {
	s := &scriptedConn{in: bytes.NewReader(append(greeting(1), readyOf("SUB")...)), piece: 1000}
	c := scriptedPeer(carrier.PUB, s, carrier.Limits{})
	c.abort(errClosing)
	_, err := shakeHands(c)
	require.ErrorIs(t, err, errClosing)
	require.Zero(t, s.out.Len())
}

func TestHandshake(t *testing.T) {
	traffic := []byte("and so on")
	for piece := 1; piece < 300; piece += 7 {
		for _, minor := range []byte{0, 1, 9} {
			ready := appendCommand(nil, cmdReady, []byte("\x01X\x00\x00\x00\x02hi\x0bsocket-TYPE\x00\x00\x00\x04XSUB\x08Identity\x00\x00\x00\x00"))
			c, s, early, err := scriptedHandshake(carrier.PUB, bytes.Join([][]byte{greeting(minor), ready, traffic}, nil), piece, carrier.Limits{})
			require.NoError(t, err)
			rest, _ := io.ReadAll(s.in)
			require.Equal(t, traffic, append(early, rest...), "no byte is lost")
			require.Equal(t, "XSUB", c.peer.socketType)
			require.Equal(t, min(minor, 1), c.minor)
			require.Equal(t, append(greeting(1), "\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x03PUB"...), s.out.Bytes())
		}
	}
}

func TestHandshakeWithANewerMajorVersion(t *testing.T) {
	g := greeting(0)
	g[majorAt] = 4
	c, _, _, err := scriptedHandshake(carrier.SUB, append(g, readyOf("PUB")...), 1000, carrier.Limits{})
	require.NoError(t, err)
	require.Equal(t, byte(1), c.minor, "it speaks our version, all of it")
}

func TestHandshakeRoles(t *testing.T) {
	all := []string{"PUB", "SUB", "XPUB", "XSUB", "REQ", "REP", "DEALER", "ROUTER", "PUSH", "PULL", "PAIR", "nonsense"}
	for _, own := range []carrier.Type{carrier.PUB, carrier.SUB, carrier.XPUB, carrier.XSUB} {
		for _, peer := range all {
			_, s, _, err := scriptedHandshake(own, append(greeting(1), readyOf(peer)...), 1000, carrier.Limits{})
			if strings.HasSuffix(own.String(), "PUB") && strings.HasSuffix(peer, "SUB") ||
				strings.HasSuffix(own.String(), "SUB") && strings.HasSuffix(peer, "PUB") {
				require.NoError(t, err)
				continue
			}
			require.ErrorContains(t, err, `a peer of type "`+peer+`" cannot be connected to a `+own.String())
			require.Contains(t, s.out.String(), "\x05ERROR", "the peer is told why")
		}
	}
	c, _, _, err := scriptedHandshake(carrier.SUB, append(greeting(1), appendCommand(nil, cmdReady)...), 1000, carrier.Limits{})
	require.NoError(t, err, "libzmq takes a peer that does not say its type")
	require.Empty(t, c.peer.socketType)
}

func TestHandshakeRefusals(t *testing.T) {
	v2 := greeting(1)
	v2[majorAt] = 1
	v1 := greeting(1)
	v1[majorAt] = 0
	encrypted := greeting(1)
	copy(encrypted[mechanismAt:], "CURVE\x00\x00")
	hidden := greeting(1)
	copy(hidden[mechanismAt:], "NULL\x00X")
	for name, c := range map[string]struct {
		sends  []byte
		reason string
	}{
		"ZMTP 1.0":           {[]byte("\x01\x00\x04\x00abc"), "speaks ZMTP 1.0 (as libzmq 2 does)"},
		"ZMTP 1.0 named":     {[]byte("\x04\x00abc"), "speaks ZMTP 1.0"},
		"ZMTP 1.0 long":      {append([]byte{0xff, 0, 0, 0, 0, 0, 0, 0, 5, 0}, make([]byte, 54)...), "speaks ZMTP 1.0"},
		"ZMTP 1.0 versioned": {v1[:11], "speaks ZMTP 1.0"},
		"ZMTP 2.0":           {v2[:12], "speaks ZMTP 2 (as libzmq 3 does); 3.0, of libzmq 4.0 or newer, is the oldest understood"},
		"http":               {[]byte("GET / HTTP/1.1\r\n\r\n"), `does not speak ZMTP: it began with "GET / HTTP/1.1\r\n"`},
		"curve":              {encrypted, `demands the security mechanism "CURVE", and this end has NULL`},
		"mechanism":          {hidden, "demands the security mechanism"},
		"silence":            {nil, "closed by the peer before it had sent a byte"},
		"half a greeting":    {greeting(1)[:30], "perhaps it demands a security mechanism"},
		"error":              {append(greeting(1), appendError(nil, "go away")...), `the peer refused: "go away"`},
		"error unexplained":  {append(greeting(1), appendCommand(nil, cmdError)...), `the peer refused: no reason given`},
		"other command":      {append(greeting(1), appendCommand(nil, "HELLO")...), `the command "HELLO" in place of READY`},
		"message":            {append(greeting(1), message("hi").Buf...), "a message in place of READY"},
		"garbled":            {append(greeting(1), 0xf4, 1, 1), "reserved flags"},
		"malformed":          {append(greeting(1), 4, 3, 9, 'R', 'E'), "malformed command"},
		"malformed name":     {append(greeting(1), appendCommand(nil, cmdReady, []byte{0, 0, 0, 0, 0})...), "malformed READY"},
		"malformed value":    {append(greeting(1), appendCommand(nil, cmdReady, []byte("\x01X\x00\x00\x00\x09x"))...), "malformed READY"},
		"long claim":         {append(greeting(1), 6, 0, 0, 0, 0, 0, 1, 0, 0), "longer than 16384 bytes"},
		"longest claim":      {append(greeting(1), 6, 255, 255, 255, 255, 255, 255, 255, 255), "broken framing"},
		"long":               {append(greeting(1), appendCommand(nil, cmdReady, make([]byte, 20_000))...), "longer than 16384 bytes"},
	} {
		for _, piece := range []int{1, 5, 1000} {
			_, _, _, err := scriptedHandshake(carrier.PUB, c.sends, piece, carrier.Limits{})
			if name == "http" && piece < 1000 {
				require.ErrorContains(t, err, "does not speak ZMTP", name)
				continue
			}
			require.ErrorContains(t, err, c.reason, name)
		}
	}
}

// FuzzHandshake: whatever a peer sends, in whatever pieces, the handshake ends, reads
// no more than it may, and has the same result.
func FuzzHandshake(f *testing.F) {
	f.Add(append(greeting(1), readyOf("SUB")...), uint8(5))
	f.Add(append(greeting(0), appendError(nil, "no")...), uint8(64))
	f.Add(append(greeting(3), appendCommand(nil, cmdReady, []byte("\x01X\x00\x00\x00\x02hi"))...), uint8(255))
	f.Add([]byte("\x01\x00"), uint8(1))
	f.Fuzz(func(t *testing.T, sends []byte, piece uint8) {
		l := carrier.Limits{HandshakeBytes: 200}
		c, s, early, err := scriptedHandshake(carrier.XPUB, sends, 1+int(piece), l)
		c2, _, _, err2 := scriptedHandshake(carrier.XPUB, sends, 1<<20, l)
		require.Equal(t, err == nil, err2 == nil, "%v, %v", err, err2)
		require.Equal(t, c2.peer.socketType, c.peer.socketType)
		require.True(t, bytes.HasPrefix(s.out.Bytes(), greeting(1)))
		if err != nil {
			return
		}
		require.Contains(t, []string{"", "SUB", "XSUB"}, c.peer.socketType)
		rest, _ := io.ReadAll(s.in)
		require.True(t, bytes.HasSuffix(sends, append(early, rest...)))
		_, head, size, _ := parseHeader(sends[greetingSize:])
		require.Equal(t, len(sends)-greetingSize-head-int(size), len(early)+len(rest), "no byte is lost")
		require.NotZero(t, sends[greetingSize]&batch.FlagCommand)
	})
}

func TestHandshakeTimeout(t *testing.T) {
	short := with(func(c *carrier.Config) { c.HandshakeTimeout = 50 * time.Millisecond })
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"), short)
	silent := connectRaw(t, o.address())
	slow := connectRaw(t, o.address())
	go func() { // an endless greeting, a byte at a time
		for _, c := range bytes.Repeat(greeting(1)[:10], 1000) {
			if _, err := slow.Write([]byte{c}); err != nil {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	silent.requireHungUp()
	slow.requireHungUp()
	for n := 1; n <= 2; n++ {
		require.Contains(t, o.wait(t, carrier.HandshakeFailed, n).Reason, "within 50ms")
	}
	require.Nil(t, o.find(carrier.Connected, 0))
}

// shakeHandsOfCurve runs the handshake of a client of CURVE, of version 3.minor and a socket type.
func (r *rawPeer) shakeHandsOfCurve(k curveKeys, kind string, minor byte) *curve.Keys {
	r.t.Helper()
	g := ownGreeting(&curveClient{})
	g[minorAt] = minor
	r.send(g)
	r.receive(greetingSize)
	c := curve.NewClient(k.client, k.server.Public, properties{socketType: kind}.encode())
	body, err := c.Hello()
	for step := (curve.Step{}); !step.Done; body = step.Answer {
		require.NoError(r.t, err)
		r.send(appendBody(nil, body))
		_, answer := r.receiveFrame()
		name, data, parseErr := parseCommand(answer)
		require.NoError(r.t, parseErr)
		step, err = c.Receive(name, data)
	}
	require.NoError(r.t, err)
	return c.Keys()
}

// open reads one frame that is sealed.
func (r *rawPeer) open(keys *curve.Keys) (flags byte, body []byte) {
	r.t.Helper()
	_, sealed := r.receiveFrame()
	flags, body, err := keys.In.Open(sealed)
	require.NoError(r.t, err)
	return flags, body
}

func TestReasonsBehindAHandshakeOfCurveAreEncrypted(t *testing.T) {
	k := newCurveKeys(t)
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"), k.asServer(t, curve.AnyClient))
	p := connectRaw(t, o.address())
	flags, body := p.open(p.shakeHandsOfCurve(k, "PULL", 1))
	require.EqualValues(t, batch.FlagCommand, flags)
	name, data, err := parseCommand(body)
	require.NoError(t, err)
	require.Equal(t, cmdError, name)
	require.Contains(t, errorText(data), `a peer of type "PULL"`)
	p.requireHungUp()
}

// A subscriber of ZMTP 3.0 sends its subscriptions as messages, encrypted as those are.
func TestASubscriberOfCurveAndZMTP30(t *testing.T) {
	k := newCurveKeys(t)
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"), k.asServer(t, k.client.Public.String()))
	p := connectRaw(t, o.address())
	keys := p.shakeHandsOfCurve(k, "SUB", 0)
	p.send(keys.Out.Append(nil, 0, []byte("\x01yes")), keys.Out.Append(nil, 0, []byte("\x01also")))
	o.eventLog.wait(t, carrier.Subscribed, 2)
	o.Send(message("yes", "first"))
	o.Send(message("no", "second"))
	for _, want := range []string{"yes", "first"} {
		_, body := p.open(keys)
		require.Equal(t, want, string(body))
	}
	p.send(keys.Out.Append(nil, 0, []byte("\x00yes")))
	o.eventLog.wait(t, carrier.Unsubscribed, 1)
	o.Send(message("yes", "third"))
	o.Send(message("also", "fourth"))
	flags, body := p.open(keys)
	require.EqualValues(t, batch.FlagMore, flags)
	require.Equal(t, "also", string(body))
}

// And a publisher of ZMTP 3.0 is sent them so.
func TestAPublisherOfCurveAndZMTP30(t *testing.T) {
	k := newCurveKeys(t)
	i := newInlet(t, carrier.SUB, []string{"yes"}, bind("tcp://127.0.0.1:*"), k.asServer(t, k.client.Public.String()))
	p := connectRaw(t, i.address())
	keys := p.shakeHandsOfCurve(k, "PUB", 0)
	flags, body := p.open(keys)
	require.Zero(t, flags)
	require.Equal(t, "\x01yes", string(body))
	require.NoError(t, i.Unsubscribe([]byte("yes")))
	_, body = p.open(keys)
	require.Equal(t, "\x00yes", string(body))
	require.NoError(t, i.Subscribe([]byte("also")))
	_, body = p.open(keys)
	require.Equal(t, "\x01also", string(body))
	p.send(keys.Out.Append(nil, 0, []byte("also")))
	i.sink.wait(t, 1)
	require.Equal(t, [][]string{{"also"}}, i.got())
}

func TestAReasonInPlainTextIsNotTakenBehindAHandshakeOfCurve(t *testing.T) {
	client, server := sealedKeys(t)
	plain := appendError(nil, "go elsewhere")
	for _, authentic := range []bool{true, false} {
		sent := plain
		if authentic {
			sent = sealAll(&client.Out, plain)
		}
		s := &scriptedConn{in: bytes.NewReader(sent), piece: 7}
		c := scriptedPeer(carrier.PUB, s, carrier.Limits{})
		h := handshake{c: c, stream: c.io.Conn, sec: secured{seal: &server.Out, open: &server.In}}
		name, data, err := h.readCommand()
		if !authentic {
			require.Error(t, err)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, cmdError, name)
		require.Equal(t, "go elsewhere", errorText(data))
	}
}

func TestDialledPeerThatRefuses(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	i := newInlet(t, carrier.SUB, nil, dial("tcp://"+l.Addr().String()))
	for n := 1; n <= 2; n++ {
		c, err := l.Accept()
		require.NoError(t, err)
		s := &rawPeer{c, t}
		s.send(greeting(1), appendError(nil, "no entry"))
		e := i.eventLog.wait(t, carrier.HandshakeFailed, n)
		require.Equal(t, `the peer refused: "no entry"`, e.Reason)
		require.Equal(t, "tcp://"+l.Addr().String(), e.Address)
		i.eventLog.wait(t, carrier.Retrying, n)
		_ = c.Close()
	}
}

func TestRefusedPeerIsToldWhy(t *testing.T) {
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"))
	p := connectRaw(t, o.address())
	p.send(greeting(1), readyOf("PULL"))
	p.receive(greetingSize)
	p.receiveFrame() // its READY
	_, body := p.receiveFrame()
	name, data, err := parseCommand(body)
	require.NoError(t, err)
	require.Equal(t, cmdError, name)
	require.Equal(t, `"a peer of type \"PULL\" cannot be connected to a XPUB"`, errorReason(data))
	p.requireHungUp()
}
