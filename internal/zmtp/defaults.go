package zmtp

import (
	"time"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

// Defaults of times, for a zero in the configuration.
const (
	defaultHandshakeTimeout  = 10 * time.Second
	defaultHeartbeatInterval = 5 * time.Second
	defaultHeartbeatTimeout  = 15 * time.Second
	defaultReconnectMin      = 100 * time.Millisecond // as libzmq
	defaultReconnectMax      = 5 * time.Second
)

// Defaults of the queue to one peer.
const (
	defaultQueueMessages = 100_000
	defaultQueueBytes    = 64 << 20
)

// orDefault is v, or d where v is not positive.
func orDefault[T int | int64 | time.Duration](v, d T) T {
	if v <= 0 {
		return d
	}
	return v
}

// withDefaults fills in what c leaves open.
func withDefaults(c carrier.Config) carrier.Config {
	c.HandshakeTimeout = orDefault(c.HandshakeTimeout, defaultHandshakeTimeout)
	if c.HeartbeatInterval == 0 {
		c.HeartbeatInterval = defaultHeartbeatInterval
	}
	c.HeartbeatTimeout = orDefault(c.HeartbeatTimeout, defaultHeartbeatTimeout)
	c.ReconnectMin = orDefault(c.ReconnectMin, defaultReconnectMin)
	c.ReconnectMax = max(orDefault(c.ReconnectMax, defaultReconnectMax), c.ReconnectMin)

	l, d := &c.Limits, carrier.DefaultLimits
	l.Connections = orDefault(l.Connections, d.Connections)
	l.Frames = orDefault(l.Frames, d.Frames)
	l.HandshakeBytes = max(orDefault(l.HandshakeBytes, d.HandshakeBytes), greetingSize+minReady)
	l.Subscriptions = orDefault(l.Subscriptions, d.Subscriptions)
	l.SubscriptionBytes = orDefault(l.SubscriptionBytes, d.SubscriptionBytes)
	return c
}
