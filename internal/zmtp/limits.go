package zmtp

import (
	"fmt"
	"math"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

// What one peer may cost. A peer that exceeds a limit is disconnected, or refused if it is one
// too many; the error says which option sets the limit.

const (
	// maxControl bounds the PINGs and PONGs that wait for one peer, in bytes.
	maxControl = 4 << 10
	// maxCommand bounds the commands of an established connection, but for
	// SUBSCRIBE and CANCEL, in bytes.
	maxCommand = 64 << 10
)

// checkConnections checks whether one more peer may connect.
func checkConnections(l *carrier.Limits, connected int) error {
	if connected >= l.Connections {
		return fmt.Errorf("refused: %d peers are connected, which is the limit (option limit.connections)", l.Connections)
	}
	return nil
}

// checkHandshake checks the size of a handshake, as far as it has arrived or is announced. A
// limit below the size of the shortest handshake allows that one.
func checkHandshake(l *carrier.Limits, bytes uint64) error {
	if limit := max(l.HandshakeBytes, greetingSize+minReady); bytes > uint64(limit) {
		return fmt.Errorf("the peer's handshake is longer than %d bytes (option limit.handshake.bytes)", limit)
	}
	return nil
}

// checkSubscription checks one more prefix of a peer that has so many, of so many bytes together.
func checkSubscription(l *carrier.Limits, count, bytes int, prefix []byte) error {
	if count >= l.Subscriptions {
		return fmt.Errorf("more than %d subscriptions (option limit.subscriptions)", l.Subscriptions)
	}
	if bytes+len(prefix) > l.SubscriptionBytes {
		return fmt.Errorf("subscriptions of more than %d bytes together (option limit.subscriptions.bytes)", l.SubscriptionBytes)
	}
	return nil
}

// messageLimits bound a message that arrives.
type messageLimits struct {
	frames int
	bytes  uint64 // without framing
}

func limitsOf(cfg *carrier.Config) messageLimits {
	l := messageLimits{frames: cfg.Limits.Frames, bytes: math.MaxUint64}
	if cfg.MaxMessage > 0 {
		l.bytes = uint64(cfg.MaxMessage)
	}
	return l
}

// check checks one more frame of size bytes, of which only the header has arrived, of a message
// that has a number of frames and bytes so far.
func (l *messageLimits) check(frames int, bytes, size uint64) error {
	if frames >= l.frames {
		return fmt.Errorf("a message of more than %d frames (option limit.frames)", l.frames)
	}
	if size > l.bytes-bytes {
		return fmt.Errorf("a message of more than %d bytes (option message.bytes)", l.bytes)
	}
	return nil
}
