// Package zmtp is the carrier that speaks ZMTP 3.0 and 3.1 itself, over tcp, TLS and
// ipc, for the socket types PUB, SUB, XPUB and XSUB and the mechanisms NULL and CURVE. It hides
// the protocol: greeting, handshake, framing, commands, heartbeats, and the queues of
// peers. It moves batches: no message is copied or allocated on its own, and no frame
// costs a function call.
//
// From batches to the bytes of sockets: the PUB side (an "outlet", PUB or XPUB).
//
//	step  type              does                                  goroutine
//	1     outlet            takes the batch, looks up the peers   the caller's
//	2     fanOut, failover  matches topics, peer by peer          the caller's
//	3     spanQueue         queues ranges of the batch            the caller's
//	      backlog           the same, and may remove them again   the caller's
//	4     sendBuffer        writes, as far as the kernel takes    the caller's, or the
//	      rawio             it; the writer writes the rest        connection's writer
//	      sealedOutput      encrypts in front of rawio: curveOutput, tlsOutput
//
// From the bytes of sockets to batches: the SUB side (an "inlet", SUB or XSUB).
//
//	step  type              does                                  goroutine
//	1     listener, dialer  makes a connection                    one an address
//	      remoteEnd         which address it belongs to, and over ipc which user the peer is
//	2     tlsLayer          at tls://: the handshake of TLS       the connection's
//	      handshake,        greeting, and the commands of NULL    the connection's
//	      mechanism         or CURVE
//	3     rawio, decoder    reads, finds frames and messages      the connection's, or the
//	      cipherReader,     decrypts in front of the decoder:     the same
//	      tlsReader         CURVE, TLS
//	4     inlet             filters topics, delivers a batch      holder of a reader lease
//
// A peer that asks for history is fed by a goroutine of its own until it has caught up:
// historyreplay.go and catchup.go.
//
// Subscriptions go the other way: inlet.Subscribe → sendBuffer → socket →
// subscriptionReader → outlet.subscribe → OnEvent. socket.go has the life of a connection,
// and heartbeat.go decides when a peer is gone.
//
// Lock order: a goroutine takes these locks, of all sockets of the process together, only
// from top to bottom. Builds with the tag "invariants" check it.
//
//	sharedReader.mu          one reads a connection; held while a batch is delivered
//	lastValueReplay.turn     one replay pauses at a time
//	socket.events            held while OnEvent runs
//	route.mu                 what peers are told of post offices
//	inlet.mu                 subscriptions of the SUB side
//	throttle.turn            one publisher that was held back sends
//	outlet.sends             read by every Send, written by a subscription with a replay
//	recentRing.mu            what was sent lately
//	sendBuffer.mu            queue and subscriptions of one peer
//	socket.mu                which connections there are
//	rawio.mu                 deadlines
//
// Sources: https://rfc.zeromq.org/spec/23/ (ZMTP 3.0), https://rfc.zeromq.org/spec/37/
// (3.1), https://rfc.zeromq.org/spec/26/ (CURVE). Where they and libzmq 4.3 differ, libzmq is followed.
package zmtp

import (
	"fmt"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

// The ranks of the locks, for builds with the tag "invariants".
const (
	lockFamily = "zmtp"

	rankReader = iota
	rankReplayTurn
	rankEvents
	rankRoute
	rankInlet
	rankTurn
	rankSends
	rankRecent
	rankSendBuffer
	rankSocket
	rankRawio
)

// Opener opens sockets of this carrier.
type Opener struct{}

var _ carrier.Opener = Opener{}

// Supports reports why this carrier cannot serve an address, or nil.
func (Opener) Supports(address string) error {
	_, err := parseEndpoint(address)
	return err
}

// OpenOutlet opens the PUB side of a connection: a PUB or XPUB.
func (Opener) OpenOutlet(cfg carrier.OutletConfig) (carrier.Outlet, error) {
	if cfg.Type != carrier.PUB && cfg.Type != carrier.XPUB {
		return nil, fmt.Errorf("%w: an outlet of type %s", carrier.ErrUnsupported, cfg.Type)
	}
	o, err := openOutlet(cfg)
	if err != nil {
		return nil, err // a nil pointer would not be a nil interface
	}
	return o, nil
}

// OpenInlet opens the SUB side of a connection: a SUB or XSUB.
func (Opener) OpenInlet(cfg carrier.InletConfig) (carrier.Inlet, error) {
	if cfg.Type != carrier.SUB && cfg.Type != carrier.XSUB {
		return nil, fmt.Errorf("%w: an inlet of type %s", carrier.ErrUnsupported, cfg.Type)
	}
	in, err := openInlet(cfg)
	if err != nil {
		return nil, err
	}
	return in, nil
}
