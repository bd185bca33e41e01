//go:build cgo && !nolibzmq

package libzmq

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

func TestAnOutletThatMakesRoomIsNotSupported(t *testing.T) {
	for _, overflow := range []carrier.Overflow{carrier.DropOld, carrier.LatestPerTopic} {
		_, err := Opener{}.OpenOutlet(carrier.OutletConfig{
			Config: carrier.Config{Type: carrier.PUB, Bind: []string{"tcp://127.0.0.1:*"}}, Overflow: overflow,
		})
		require.ErrorIs(t, err, carrier.ErrUnsupported)
		require.ErrorContains(t, err, overflow.String())
	}
}

func TestBadAddressesAreNamed(t *testing.T) {
	in, _ := newInlet(t, carrier.InletConfig{Config: carrier.Config{Bind: []string{"tcp://127.0.0.1:*"}}})
	_, err := Opener{}.OpenOutlet(carrier.OutletConfig{Config: carrier.Config{Type: carrier.PUB, Bind: in.Endpoints()}})
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	require.ErrorContains(t, err, in.Endpoints()[0])
	for _, bad := range []string{"tcp://127.0.0.1:notaport", "tcp://nosuchinterface:1"} {
		_, err := Opener{}.OpenInlet(carrier.InletConfig{Config: carrier.Config{Type: carrier.SUB, Bind: []string{bad}}})
		require.ErrorIs(t, err, carrier.ErrAddress, bad)
		require.ErrorContains(t, err, bad)
	}
	for _, bad := range []string{"", "tcp", "tcp://", "smoke://x"} {
		require.ErrorIs(t, Opener{}.Supports(bad), carrier.ErrAddress, bad)
	}
}
