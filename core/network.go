package core

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hermes-zmq/hermes/internal/address"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/curve"
	"github.com/hermes-zmq/hermes/internal/errs"
	"github.com/hermes-zmq/hermes/internal/fds"
	"github.com/hermes-zmq/hermes/internal/libzmq"
	"github.com/hermes-zmq/hermes/internal/notify"
	"github.com/hermes-zmq/hermes/internal/zmtp"
)

// carriers are the transports there are, best first.
var carriers = func() *carrier.Set {
	s := &carrier.Set{}
	s.Add(carrier.EngineZMTP, zmtp.Opener{})
	s.Add(carrier.EngineLibzmq, libzmq.Opener{})
	return s
}()

// addNetworkOptions adds what every component with sockets can be told.
func (c *component) addNetworkOptions() {
	c.network.add(&c.options)
	c.links.RetryEvery(c.network.reconnectMax.Get)
	c.links.Secure(c.keys.Load)
	c.network.curve.clients.OnUnreadable(func(err error) {
		c.events.Add(notify.Event{Kind: "keys_unreadable", Level: notify.Warning,
			Text: fmt.Sprintf("%s: files of curve.clients cannot be read, and their keys stay as they were: %v", c.who(), err)})
	})
}

// carrierConfig is what the options say, for a socket at these addresses.
func (c *component) carrierConfig(typ carrier.Type, a address.List) carrier.Config {
	n := &c.network
	heartbeat := n.heartbeatInterval.Get()
	if heartbeat == 0 {
		heartbeat = -1
	}
	return carrier.Config{
		Type: typ, Bind: a.Bind, Connect: a.Connect,
		MaxMessage:        n.message.Get() + frameAllowance,
		HandshakeTimeout:  n.handshake.Get(),
		HeartbeatInterval: heartbeat,
		HeartbeatTimeout:  n.heartbeatTimeout.Get(),
		ReconnectMin:      n.reconnectMin.Get(),
		ReconnectMax:      n.reconnectMax.Get(),
		Limits: carrier.Limits{
			Connections:       int(n.limits.connections.Get()),
			Frames:            int(n.limits.frames.Get()),
			HandshakeBytes:    int(n.limits.handshake.Get()),
			Handshakes:        int(n.limits.handshakes.Get()),
			HandshakeRate:     int(n.limits.handshakeRate.Get()),
			Subscriptions:     int(n.limits.subscriptions.Get()),
			SubscriptionBytes: int(n.limits.subscriptionBytes.Get()),
		},
		Access:     c.access.Load(),
		Curve:      c.keys.Load(),
		SocketFile: n.socketFile(),
		TLS:        c.certificates.get(),
		OnFailure:  c.Fail,
	}
}

// frameAllowance is room for topic, origin, time and framing beside the data.
const frameAllowance = 1 << 20

// curveKeys are what the options curve.* say; nil for no security.
func (x *networkOptions) curveKeys() (*curve.Config, error) {
	keys := &curve.Config{Pair: x.curve.secret.Get(), Server: x.curve.server.Get(), Clients: x.curve.clients.Get()}
	switch {
	case keys.Server == nil && keys.Clients == nil && keys.Pair == nil:
		return nil, nil
	case keys.Pair != nil && keys.Clients == nil && x.access.policy.String() != "":
		keys.Clients = curve.EveryClient() // the policy knows which
		return keys, nil
	case keys.Server == nil && keys.Clients == nil:
		return nil, errors.New("option curve.secret is set, but neither curve.server (for a client) nor curve.clients or policy (for a server)")
	case keys.Clients != nil && keys.Pair == nil:
		return nil, errors.New("option curve.clients is set, but not curve.secret: a server needs a key")
	case keys.Pair != nil:
		return keys, nil
	}
	pair, err := curve.Generate()
	keys.Pair = pair
	return keys, err
}

// pick chooses the carrier for a socket that is opened next.
func (c *component) pick(a address.List) (carrier.Opener, error) {
	if err := fds.CheckSpare(); err != nil {
		return nil, &Error{Code: EIO, Text: fmt.Sprintf("%s cannot open a socket: %s", c.who(), fds.Describe(err)), Err: err}
	}
	keys, err := c.network.curveKeys()
	if err != nil {
		return nil, errorf(EOPTION, "%s: %w", c.who(), err)
	}
	c.keys.Store(keys)
	if err := c.openCertificates(a); err != nil {
		return nil, err
	}
	o, err := carriers.Pick(c.network.engine.String(), a.All()...)
	if err != nil {
		return nil, errs.Open(c.who(), err)
	}
	if err := c.checkSocketFile(o, a.Bind); err != nil {
		return nil, err
	}
	if keys != nil && c.network.curve.clients.Get() != nil && (slices.ContainsFunc(a.Bind, serves(keys, true)) || slices.ContainsFunc(a.Connect, serves(keys, false))) {
		c.servers.Or(serverOf(o))
	}
	return o, nil
}

// checkSocketFile refuses options for the file of a bound ipc address where they would not count:
// an address that is open to all users of the machine is not to pass for a closed one.
func (c *component) checkSocketFile(o carrier.Opener, bind []string) error {
	if c.network.socketFile().IsZero() {
		return nil
	}
	for _, text := range bind {
		a, err := address.Parse(text)
		if err != nil || a.Transport != "ipc" {
			continue
		}
		if a.Abstract() {
			return errorf(EOPTION, "%s: the options ipc.mode, ipc.owner and ipc.group do not count for %s, which has no file: every program of the machine may connect; use a path, or unset them", c.who(), text)
		}
		if _, is := o.(libzmq.Opener); is {
			return errorf(ENOTSUP, "%s: the options ipc.mode, ipc.owner and ipc.group need the engine zmtp, and %s uses libzmq (option engine = %s)", c.who(), text, c.network.engine)
		}
	}
	return nil
}

// serves reports of an address, which is bound or connected to, whether the component is a server of
// CURVE there.
func serves(keys *curve.Config, bound bool) func(string) bool {
	return func(a string) bool { return keys.IsServer(bound) && !address.IsPlain(a) }
}

// What component.servers has: a server of CURVE, and one at which libzmq checks no client.
const (
	server = 1 << iota
	libzmqServer
)

func serverOf(o carrier.Opener) int32 {
	if _, is := o.(libzmq.Opener); is {
		return server | libzmqServer
	}
	return server
}

// checkClients refuses to set curve.clients while the component runs, if no socket of it would
// heed the value.
func (c *component) checkClients(value string) error {
	servers := c.servers.Load()
	switch {
	case servers&server == 0:
		return errorf(ESTATE, "option \"curve.clients\" of %s can be set only while it is not running, because it runs as no server of CURVE: stop it first", c.who())
	case servers&libzmqServer != 0 && value != curve.AnyClient:
		return errorf(EOPTION, "option \"curve.clients\" of %s: %w: keys other than any (engine zmtp has it)", c.who(), carrier.ErrUnsupported)
	}
	return nil
}

// reportUnprotected reports the bound addresses at which programs of other machines are let in without
// a key. Where no option of security is set it is no warning: so it always was with 1.x.
func (c *component) reportUnprotected() {
	if c.hooks.endpoints == nil {
		return
	}
	keys := c.keys.Load()
	var open []string
	for _, text := range c.hooks.endpoints() {
		if a, err := address.Parse(text); err == nil && a.Exposed() && (keys == nil || a.Plain) {
			open = append(open, text)
		}
	}
	if len(open) == 0 {
		return
	}
	e := notify.Event{Kind: "unprotected", Level: notify.Warning, Address: strings.Join(open, ",")}
	lock := "remove plain+ to use the keys there"
	if keys == nil {
		e.Level = notify.Info
		lock = "set curve.secret and curve.clients"
	}
	e.Text = fmt.Sprintf("%s: every program in the network may connect to %s, without a key: %s, or bind to 127.0.0.1 (docs/security.md)",
		c.who(), strings.Join(open, " and "), lock)
	c.events.Add(e)
}

// peerEvent notes what a carrier tells of a peer of a socket, which is of type own and
// has these addresses.
func (c *component) peerEvent(own carrier.Type, a address.List, e carrier.Event) {
	out := notify.Event{Level: notify.Info, Address: e.Address, Peer: e.Peer}
	switch e.Kind {
	case carrier.Connected:
		out.Kind, out.Text = "connected", "connected at "+e.Address
		if u := e.Local; u != nil {
			out.Text += fmt.Sprintf(" (uid %d, gid %d)", u.UID, u.GID)
		}
	case carrier.Disconnected:
		out.Kind, out.Text = "disconnected", "disconnected at "+e.Address
	case carrier.Retrying:
		out.Kind, out.Text = "retrying", "no connection to "+e.Address
	case carrier.HandshakeFailed:
		out.Kind, out.Text = "handshake_failed", "refused a peer at "+e.Address
	case carrier.Exhausted:
		out.Kind, out.Level, out.Text = "exhausted", notify.Warning, "out of file descriptors or memory at "+e.Address
	case carrier.Denied:
		out.Kind, out.Level, out.Text = "denied", notify.Warning, "refused by "+e.Address
	case carrier.Recovered:
		out.Kind, out.Text = "recovered", "file descriptors and memory are available again at "+e.Address
	default:
		return
	}
	if e.Kind == carrier.HandshakeFailed && e.Cause != carrier.CauseProbe && e.Cause != carrier.CauseLeft {
		c.refused.Add(1)
	}
	if e.Reason != "" {
		out.Text += ": " + e.Reason
	}
	if c.links.Note(own, e, len(a.Bind) > 0, &out) {
		out.Text = c.who() + ": " + out.Text
		c.events.Add(out)
	}
}

// endpointOf is the fact "endpoint" of a socket: where it is bound, separated by commas.
func endpointOf(s carrier.Socket) string { return strings.Join(s.Endpoints(), ",") }
