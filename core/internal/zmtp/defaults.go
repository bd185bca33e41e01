package zmtp

import (
	"time"

	"github.com/hermes-zmq/hermes/core/internal/carrier"
)

// What a zero in the configuration asks for: times.
const (
	defaultHandshakeTimeout  = 10 * time.Second
	defaultHeartbeatInterval = 5 * time.Second
	defaultHeartbeatTimeout  = 15 * time.Second
	defaultReconnectMin      = 100 * time.Millisecond // as libzmq
	defaultReconnectMax      = 5 * time.Second
)

// What one peer may cost. They are far above what honest peers need: a post office
// subscribes for all of its receivers together.
const (
	defaultConnections       = 4096
	defaultFrames            = 64 << 10
	defaultHandshakeBytes    = 16 << 10
	defaultSubscriptions     = 256 << 10 // some 100 bytes each, twice
	defaultSubscriptionBytes = 16 << 20
	defaultQueueMessages     = 100_000
	defaultQueueBytes        = 64 << 20
)

// orDefault is v, or d where v is zero or senseless.
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

	l := &c.Limits
	l.Connections = orDefault(l.Connections, defaultConnections)
	l.Frames = orDefault(l.Frames, defaultFrames)
	l.HandshakeBytes = max(orDefault(l.HandshakeBytes, defaultHandshakeBytes), greetingSize+shortReady)
	l.Subscriptions = orDefault(l.Subscriptions, defaultSubscriptions)
	l.SubscriptionBytes = orDefault(l.SubscriptionBytes, defaultSubscriptionBytes)
	return c
}
