package core

import (
	"fmt"
	"time"

	"github.com/hermes-zmq/hermes/internal/address"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/errs"
	"github.com/hermes-zmq/hermes/internal/fds"
	"github.com/hermes-zmq/hermes/internal/libzmq"
	"github.com/hermes-zmq/hermes/internal/notify"
	"github.com/hermes-zmq/hermes/internal/option"
	"github.com/hermes-zmq/hermes/internal/zmtp"
)

// carriers are the transports there are, best first.
var carriers = func() *carrier.Set {
	s := &carrier.Set{}
	s.Add(carrier.EngineZMTP, zmtp.Opener{})
	s.Add(carrier.EngineLibzmq, libzmq.Opener{})
	return s
}()

// networkOptions are the settings of a component with sockets, most of which go to the
// carrier. A node has none but linger.
type networkOptions struct {
	engine            *option.Choice
	linger            *option.Duration
	message           *option.Size
	heartbeatInterval *option.Duration
	heartbeatTimeout  *option.Duration
	reconnectMin      *option.Duration
	reconnectMax      *option.Duration
	handshake         *option.Duration
	limits            struct{ connections, frames, handshake, subscriptions, subscriptionBytes *option.Size }
}

// addNetworkOptions adds what every component with sockets can be told.
func (c *component) addNetworkOptions() {
	n := &c.network
	n.engine = option.NewChoice(carrier.EngineAuto, carrier.EngineZMTP, carrier.EngineLibzmq)
	n.message = option.NewSize(256<<20, option.MaxMessage)
	n.heartbeatInterval = option.NewDuration(3 * time.Second)
	n.heartbeatTimeout = option.NewDuration(6 * time.Second)
	n.reconnectMin = option.NewDuration(100 * time.Millisecond)
	n.reconnectMax = option.NewDuration(2 * time.Second)
	n.handshake = option.NewDuration(10 * time.Second)
	o := &c.options
	o.Add("engine", "implementation of ZMTP: zmtp (built in; tcp and ipc), libzmq (every transport of that library), or auto (zmtp where it supports the addresses, otherwise libzmq)", false, n.engine)
	c.addLinger("component")
	o.Add("message.bytes", "maximum size of an envelope that is sent or received, in bytes", false, n.message)
	o.Add("heartbeat.interval", "interval of PINGs to a silent peer (engine libzmq: of TCP keepalive probes, in whole seconds); 0 sends none", false, n.heartbeatInterval)
	o.Add("heartbeat.timeout", "time without an answer after which a peer is considered dead and its connection is closed", false, n.heartbeatTimeout)
	o.Add("reconnect.min", "delay before the first attempt to reconnect; it doubles with each failed attempt, up to reconnect.max", false, n.reconnectMin)
	o.Add("reconnect.max", "maximum delay between two attempts to reconnect", false, n.reconnectMax)
	o.Add("handshake.timeout", "time limit for the handshake of a new peer", false, n.handshake)
	c.links.RetryEvery(n.reconnectMax.Get)
	c.addLimitOptions()
}

// addLinger adds the option "linger", whose description calls the component kind.
func (c *component) addLinger(kind string) {
	c.network.linger = option.NewDuration(time.Second)
	c.options.Add("linger", "time limit for sending what is queued when the "+kind+" is closed", true, c.network.linger)
}

// addLimitOptions adds what one peer may cost, at most.
func (c *component) addLimitOptions() {
	l, d := &c.network.limits, carrier.DefaultLimits
	l.connections = option.NewSize(int64(d.Connections), option.MaxLimit)
	l.frames = option.NewSize(int64(d.Frames), option.MaxLimit)
	l.handshake = option.NewSize(int64(d.HandshakeBytes), option.MaxLimit)
	l.subscriptions = option.NewSize(int64(d.Subscriptions), option.MaxLimit)
	l.subscriptionBytes = option.NewSize(int64(d.SubscriptionBytes), option.MaxLimit)
	o := &c.options
	const zmtpOnly = " (engine zmtp only)"
	o.Add("limit.connections", "maximum number of connected peers; further ones are refused"+zmtpOnly, false, l.connections)
	o.Add("limit.frames", "maximum number of frames in a message; a peer that exceeds it is disconnected"+zmtpOnly, false, l.frames)
	o.Add("limit.handshake.bytes", "maximum size of a peer's handshake, in bytes"+zmtpOnly, false, l.handshake)
	o.Add("limit.subscriptions", "maximum number of subscriptions of a peer; a peer that exceeds it is disconnected"+zmtpOnly, false, l.subscriptions)
	o.Add("limit.subscriptions.bytes", "maximum total size of the subscriptions of a peer, in bytes"+zmtpOnly, false, l.subscriptionBytes)
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
			Subscriptions:     int(n.limits.subscriptions.Get()),
			SubscriptionBytes: int(n.limits.subscriptionBytes.Get()),
		},
		OnFailure: c.Fail,
	}
}

// frameAllowance is room for topic, origin, time and framing beside the data.
const frameAllowance = 1 << 20

// pick chooses the carrier for a socket that is opened next.
func (c *component) pick(a address.List) (carrier.Opener, error) {
	if err := fds.CheckSpare(); err != nil {
		return nil, &Error{Code: EIO, Text: fmt.Sprintf("%s cannot open a socket: %s", c.who(), fds.Describe(err)), Err: err}
	}
	o, err := carriers.Pick(c.network.engine.String(), a.All()...)
	if err != nil {
		return nil, errs.Open(c.who(), err)
	}
	return o, nil
}

// peerEvent notes what a carrier tells of a peer of a socket, which is of type own and
// has these addresses.
func (c *component) peerEvent(own carrier.Type, a address.List, e carrier.Event) {
	out := notify.Event{Level: notify.Info, Address: e.Address, Peer: e.Peer}
	switch e.Kind {
	case carrier.Connected:
		out.Kind, out.Text = "connected", "connected at "+e.Address
	case carrier.Disconnected:
		out.Kind, out.Text = "disconnected", "disconnected at "+e.Address
	case carrier.Retrying:
		out.Kind, out.Text = "retrying", "no connection to "+e.Address
	case carrier.HandshakeFailed:
		out.Kind, out.Text = "handshake_failed", "refused a peer at "+e.Address
	case carrier.Exhausted:
		out.Kind, out.Level, out.Text = "exhausted", notify.Warning, "out of file descriptors or memory at "+e.Address
	case carrier.Recovered:
		out.Kind, out.Text = "recovered", "file descriptors and memory are available again at "+e.Address
	default:
		return
	}
	if e.Reason != "" {
		out.Text += ": " + e.Reason
	}
	if c.links.Note(own, e, len(a.Bind) > 0, &out) {
		out.Text = c.who() + ": " + out.Text
		c.events.Add(out)
	}
}
