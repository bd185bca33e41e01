package carrier

import (
	"cmp"
	"time"
)

// Defaults of Config and OutletConfig. They are also the defaults of the options that these
// are made of (core/options.go).
const (
	DefaultHandshakeTimeout  = 10 * time.Second
	DefaultHeartbeatInterval = 3 * time.Second
	DefaultHeartbeatTimeout  = 6 * time.Second
	DefaultReconnectMin      = 100 * time.Millisecond // as libzmq
	DefaultReconnectMax      = 2 * time.Second
	DefaultQueueMessages     = 1_000_000
	DefaultQueueBytes        = 96 << 20 // so that one that is full keeps the process below 128 MiB
)

// DefaultLimits are far above what correct peers need: a post office subscribes for all
// of its receivers together.
var DefaultLimits = Limits{
	Connections:       4096,
	Frames:            64 << 10,
	HandshakeBytes:    16 << 10,
	Handshakes:        256,
	HandshakeRate:     250,       // each takes 0.4 to 0.6 ms: 10 to 15 % of a core
	Subscriptions:     256 << 10, // some 100 bytes each, twice
	SubscriptionBytes: 16 << 20,
}

// WithDefaults is c with the defaults for what it leaves open.
func (c Config) WithDefaults() Config {
	c.HandshakeTimeout = cmp.Or(c.HandshakeTimeout, DefaultHandshakeTimeout)
	c.HeartbeatInterval = cmp.Or(c.HeartbeatInterval, DefaultHeartbeatInterval)
	c.HeartbeatTimeout = cmp.Or(c.HeartbeatTimeout, DefaultHeartbeatTimeout)
	c.ReconnectMin = cmp.Or(c.ReconnectMin, DefaultReconnectMin)
	c.ReconnectMax = max(cmp.Or(c.ReconnectMax, DefaultReconnectMax), c.ReconnectMin)

	l, d := &c.Limits, DefaultLimits
	l.Connections = cmp.Or(l.Connections, d.Connections)
	l.Frames = cmp.Or(l.Frames, d.Frames)
	l.HandshakeBytes = cmp.Or(l.HandshakeBytes, d.HandshakeBytes)
	l.Handshakes = cmp.Or(l.Handshakes, d.Handshakes)
	l.HandshakeRate = cmp.Or(l.HandshakeRate, d.HandshakeRate)
	l.Subscriptions = cmp.Or(l.Subscriptions, d.Subscriptions)
	l.SubscriptionBytes = cmp.Or(l.SubscriptionBytes, d.SubscriptionBytes)
	return c
}
