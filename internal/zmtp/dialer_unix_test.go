//go:build unix

package zmtp

import (
	"fmt"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

// Where no program listens, and the kernel happens to choose the port that is connected
// to, TCP connects a socket to itself.
func TestADialerDoesNotOccupyTheAddressThatItDials(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := l.Addr().(*net.TCPAddr).Port
	require.NoError(t, l.Close())
	same := func(fd int) {
		_ = unix.Bind(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}})
	}
	dialHook.Store(&same)
	t.Cleanup(func() { dialHook.Store(nil) })

	at := fmt.Sprintf("tcp://127.0.0.1:%d", port)
	in := newInlet(t, carrier.SUB, nil, dial(at))
	e := in.eventLog.wait(t, carrier.Retrying, 1)
	require.Contains(t, e.Reason, "no program listens")
	in.eventLog.wait(t, carrier.Retrying, 3)
	require.Nil(t, in.eventLog.find(carrier.HandshakeFailed, 0))

	dialHook.Store(nil)
	newOutlet(t, carrier.Drop, 0, bind(at))
	in.eventLog.wait(t, carrier.Connected, 1)
}
