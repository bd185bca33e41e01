//go:build !cgo

// Package libzmq stands for the carrier on libzmq in a build without cgo: it serves no address.
package libzmq

import (
	"fmt"

	"github.com/hermes-zmq/hermes/internal/address"
	"github.com/hermes-zmq/hermes/internal/carrier"
)

// Opener opens nothing.
type Opener struct{}

var _ carrier.Opener = Opener{}

var errNone = fmt.Errorf("%w: this program was built without libzmq", carrier.ErrUnsupported)

// Supports implements carrier.Opener.
func (Opener) Supports(text string) error {
	if _, err := address.Parse(text); err != nil {
		return err
	}
	return errNone
}

// OpenOutlet implements carrier.Opener.
func (Opener) OpenOutlet(carrier.OutletConfig) (carrier.Outlet, error) { return nil, errNone }

// OpenInlet implements carrier.Opener.
func (Opener) OpenInlet(carrier.InletConfig) (carrier.Inlet, error) { return nil, errNone }
