//go:build !cgo || nolibzmq

package core

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestABuildWithoutLibzmqSaysWhatItLacks(t *testing.T) {
	for _, at := range []string{"ws://127.0.0.1:9", "wss://127.0.0.1:9", "pgm://eth0;239.192.1.1:5555", "epgm://eth0;239.192.1.1:5555",
		"norm://eth0;239.192.1.1:5555", "tipc://{5560,0,0}", "tcp://127.0.0.1:0;127.0.0.1:9"} {
		r, err := NewReceiver(at, "r")
		require.NoError(t, err)
		code(t, EADDRESS, r.Start(), at, "this build of hermes has no libzmq", "use tcp, tls, ipc or inproc", "or a build of hermes with libzmq")
		require.NoError(t, r.Close())
	}
	r, err := NewReceiver("tcp://127.0.0.1:9", "r")
	require.NoError(t, err)
	set(t, r, "engine", "libzmq")
	code(t, EADDRESS, r.Start(), "tcp://127.0.0.1:9", "this build of hermes has no libzmq", "with the engine zmtp")
	require.NoError(t, r.Close())
}
