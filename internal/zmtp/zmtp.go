// Package zmtp is the carrier that speaks ZMTP 3.0 and 3.1 itself, over tcp and
// ipc, for the socket types PUB, SUB, XPUB and XSUB and the mechanism NULL.
//
// It moves whole batches. An Inlet reads big chunks straight into the arena of a
// batch, finds where its messages end, and hands it on; an Outlet puts ranges of
// the batch into the queue of every peer that wants them and writes them as they
// stand. No message is copied or allocated on its own, and no frame costs a call.
//
// The specifications are https://rfc.zeromq.org/spec/23/ (3.0) and
// https://rfc.zeromq.org/spec/37/ (3.1). Where they and libzmq 4.3 differ, libzmq
// is followed, for it is what stands on the other side.
//
// Who does what:
//
//	socket     binds, dials, accepts; knows its connections; serialises events
//	conn       one connection: handshake, reading, liveness
//	outbox     what waits to be written to one peer, and the writing of it
//	outlet     matches topics, counts what peers want
//	inlet      asks peers for topics, hands on what arrives
//	intake     bytes of a connection to batches
//	upstream   bytes of a connection to subscriptions
package zmtp

import (
	"fmt"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

// Opener opens sockets of this carrier.
type Opener struct{}

var _ carrier.Opener = Opener{}

// Supports tells why this carrier cannot serve an address, or nil.
func (Opener) Supports(address string) error {
	_, err := parseEndpoint(address)
	return err
}

// OpenOutlet opens a PUB or XPUB.
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

// OpenInlet opens a SUB or XSUB.
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
