package core

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hermes-zmq/hermes/internal/address"
	"github.com/hermes-zmq/hermes/internal/carrier"
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
		Instance:   c.instance,
		Access:     c.access.Load(),
		Curve:      c.keys.Load(),
		SocketFile: n.socketFile(),
		TLS:        c.certificates.Config(),
		OnFailure:  c.Fail,
	}
}

// frameAllowance is room for topic, origin, time and framing beside the data.
const frameAllowance = 1 << 20

// pick chooses the carrier for a socket that is opened next.
func (c *component) pick(a address.List) (carrier.Opener, error) {
	if err := fds.CheckSpare(); err != nil {
		return nil, &Error{Code: EIO, Text: fmt.Sprintf("%s cannot open a socket: %s", c.who(), fds.Describe(err)), Err: err}
	}
	keys, err := c.openKeys()
	if err != nil {
		return nil, err
	}
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
		if err == nil && a.OfUnix() {
			return errorf(EOPTION, "%s: the options ipc.mode, ipc.owner and ipc.group do not count for %s, whose file is made by the program that starts this one (in a socket unit of systemd: SocketMode=, SocketUser= and SocketGroup=); unset them", c.who(), text)
		}
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
	case carrier.HistoryMissing:
		out.Kind, out.Level, out.Text = "history", notify.Warning, "no history from "+e.Address
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
