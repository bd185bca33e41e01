//go:build !cgo || nolibzmq

// Package libzmq stands for the carrier on libzmq in a build without it, which is one with the tag
// nolibzmq or without cgo: it serves no address, and says so.
package libzmq

import (
	"fmt"

	"github.com/hermes-zmq/hermes/internal/address"
	"github.com/hermes-zmq/hermes/internal/carrier"
)

// Built reports that this build has libzmq.
const Built = false

// Opener opens nothing.
type Opener struct{}

var _ carrier.Opener = Opener{}

// without says what a build without libzmq lacks, and what to do.
const without = "this build of hermes has no libzmq (it was built with the tag nolibzmq, or without cgo); " +
	"use tcp, tls, ipc or inproc with the engine zmtp, or a build of hermes with libzmq"

// Supports implements carrier.Opener.
func (Opener) Supports(text string) error {
	if _, err := address.Parse(text); err != nil {
		return err
	}
	return fmt.Errorf("%w: %q: %s", carrier.ErrUnsupported, text, without)
}

// OpenOutlet implements carrier.Opener.
func (Opener) OpenOutlet(carrier.OutletConfig) (carrier.Outlet, error) {
	return nil, fmt.Errorf("%w: %s", carrier.ErrUnsupported, without)
}

// OpenInlet implements carrier.Opener.
func (Opener) OpenInlet(carrier.InletConfig) (carrier.Inlet, error) {
	return nil, fmt.Errorf("%w: %s", carrier.ErrUnsupported, without)
}
