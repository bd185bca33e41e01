package zmtp

import (
	"errors"
	"fmt"
	"time"

	"github.com/hermes-zmq/hermes/internal/access"
	"github.com/hermes-zmq/hermes/internal/address"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/curve"
)

// The names of the mechanisms, as they stand in a greeting.
const (
	mechanismNull  = "NULL"
	mechanismCurve = "CURVE"
)

// mechanism is this end's part in the security handshake of one connection: commands go back
// and forth between the greetings and the point at which the peer is authenticated. What comes
// behind may be encrypted. The goroutine of the connection uses it.
type mechanism interface {
	name() string
	asServer() bool
	// begin is the body of the command that this end sends first; nil if the peer begins.
	begin() (body []byte, err error)
	// receive takes a command of the peer. An error is a *carrier.Fault as a rule; tell is what
	// the peer is told then, "" for nothing.
	receive(name string, data []byte) (step curve.Step, tell string, err error)
	// hungUp says what it may mean that the peer has closed the connection at this point.
	hungUp() *carrier.Fault
	// result is what a finished handshake leaves.
	result() secured
	// end is called once, when the handshake has succeeded or failed. It wipes keys: those of the
	// handshake, and of one that has failed all.
	end(succeeded bool)
}

// secured is what a mechanism leaves, or TLS below it: who the peer is, and how frames are protected.
type secured struct {
	key  string      // the peer's public key (CURVE), which it has proved; "" for none
	seal frameSealer // nil: frames are sent as they are, but for TLS
	open frameOpener // nil like seal
}

// frameSealer protects the frames that this end sends.
type frameSealer interface {
	// Append appends the protected form of a frame of these flags, of ZMTP, and this body.
	Append(dst []byte, flags byte, body []byte) []byte
	// Wipe overwrites the keys. Append is not called any more.
	Wipe()
}

// frameOpener undoes what the frameSealer of the peer has done.
type frameOpener interface {
	// Open gives the frame in the body of one that has arrived, which it overwrites. flags are
	// without that of a long frame. The frame is shorter than the body by curve.Least at least.
	Open(body []byte) (flags byte, frame []byte, err error)
	// Wipe overwrites the keys. Open is not called any more.
	Wipe()
}

// newMechanism is the mechanism for a connection: that of the address that it belongs to.
func newMechanism(c *conn) mechanism {
	cfg, metadata := &c.s.cfg, ownProperties(c).encode()
	switch {
	case cfg.Curve == nil || c.overTLS || address.IsPlain(c.at):
		return &nullMechanism{metadata: metadata}
	case cfg.Curve.IsServer(c.bound):
		return &curveServer{ServerSide: c.s.curveServer.Accept(metadata), c: c}
	}
	return &curveClient{Client: curve.NewClient(cfg.Curve.Pair, *cfg.Curve.Server, metadata)}
}

// nullMechanism is no security: both ends send a READY.
type nullMechanism struct{ metadata []byte }

func (*nullMechanism) name() string           { return mechanismNull }
func (*nullMechanism) asServer() bool         { return false }
func (*nullMechanism) hungUp() *carrier.Fault { return nil }
func (*nullMechanism) result() secured        { return secured{} }
func (*nullMechanism) end(bool)               {}

func (m *nullMechanism) begin() ([]byte, error) {
	return append(append([]byte{byte(len(cmdReady))}, cmdReady...), m.metadata...), nil
}

func (*nullMechanism) receive(name string, data []byte) (step curve.Step, tell string, err error) {
	switch name {
	case cmdError:
		return step, "", refusedFor(errorText(data), "the peer refused: "+errorReason(data))
	case cmdReady:
		return curve.Step{Done: true, Metadata: data}, "", nil
	}
	return step, "", fmt.Errorf("the peer sent the command %q in place of READY", name)
}

// refusedFor is the fault that an ERROR of the peer means; text is that of other reasons than rights.
func refusedFor(reason, text string) *carrier.Fault {
	if access.IsRefusal(reason) {
		reason = printableReason([]byte(reason))
		return &carrier.Fault{Cause: carrier.CauseAccess, Text: reason, Said: reason}
	}
	return &carrier.Fault{Text: text}
}

// curveClient is the client of CURVE.
type curveClient struct {
	*curve.Client
	welcomed bool
}

func (*curveClient) name() string             { return mechanismCurve }
func (*curveClient) asServer() bool           { return false }
func (m *curveClient) begin() ([]byte, error) { return m.Hello() }

func (m *curveClient) end(succeeded bool) {
	m.End()
	if !succeeded {
		m.Keys().Wipe()
	}
}

func (m *curveClient) receive(name string, data []byte) (step curve.Step, tell string, err error) {
	if name == cmdError && errorText(data) == "" { // JeroMQ sends this where libzmq hangs up
		return step, "", m.unexplained("refused by the peer without a reason")
	}
	step, err = m.Receive(name, data)
	m.welcomed = true
	return curveFault(step, err, carrier.CauseAuth, carrier.CauseAccess)
}

// hungUp implements mechanism: libzmq closes the connection where it cannot open a HELLO.
func (m *curveClient) hungUp() *carrier.Fault { return m.unexplained("closed by the peer") }

// unexplained is what it may mean that the peer has ended the handshake, in a way that gives no reason.
func (m *curveClient) unexplained(how string) *carrier.Fault {
	f := &carrier.Fault{Cause: carrier.CauseLeft, Suspect: carrier.CauseAuth,
		Text: how + " at the beginning of the CURVE handshake: perhaps the server's key is not the one expected"}
	if m.welcomed {
		f.Suspect = carrier.CauseAccess
		f.Text = how + " at the end of the CURVE handshake: perhaps it does not know this end's key"
	}
	return f
}

func (m *curveClient) result() secured {
	k := m.Keys()
	return secured{k.Peer.String(), &k.Out, &k.In}
}

// curveServer is the server of CURVE. Its handshake is under way, for the guard, from a valid HELLO
// on: silent peers, of which there can be limit.connections as without CURVE, take no client's place.
type curveServer struct {
	*curve.ServerSide
	c     *conn
	place *handshakePlace // nil before a valid HELLO
}

func (*curveServer) name() string           { return mechanismCurve }
func (*curveServer) asServer() bool         { return true }
func (*curveServer) begin() ([]byte, error) { return nil, nil }
func (*curveServer) hungUp() *carrier.Fault { return nil }

func (m *curveServer) receive(name string, data []byte) (step curve.Step, tell string, err error) {
	guard := &m.c.s.guard
	m.place.work()
	if err := guard.pace(); err != nil {
		return step, err.Error(), err
	}
	if step, err = m.Receive(name, data); err != nil {
		return curveFault(step, err, carrier.CauseAccess, carrier.CauseAuth)
	}
	if m.place == nil {
		if m.place, err = guard.curve.enter(time.Now(), m.c.losePlace); err != nil {
			return step, err.Error(), err
		}
	}
	m.place.await(time.Now())
	return step, "", nil
}

func (m *curveServer) end(succeeded bool) {
	m.End()
	if !succeeded {
		m.Keys().Wipe()
	}
	m.place.leave()
}

func (m *curveServer) result() secured {
	k := m.Keys()
	return secured{k.Peer.String(), &k.Out, &k.In}
}

// curveFault makes an error of package curve one of this package. Which cause the wrong key of
// the server is, and the unknown key of the client, depends on the end.
func curveFault(step curve.Step, err error, serverKey, clientKey carrier.Cause) (curve.Step, string, error) {
	var e *curve.Error
	if !errors.As(err, &e) {
		return step, "", err
	}
	f := &carrier.Fault{Text: e.Text}
	switch e.Cause {
	case curve.CauseServerKey:
		f.Cause = serverKey
	case curve.CauseClientKey:
		f.Cause = clientKey
	case curve.CauseRefused:
		f = refusedFor(e.Text, "the peer refused: "+e.Text)
	case curve.CauseProtocol:
	}
	return step, e.Tell, f
}
