package zmtp

import (
	"fmt"
	"net"
	"path/filepath"
	"testing"
	"time"

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

func TestReconnectAfterARestart(t *testing.T) {
	path := "ipc://" + filepath.Join(t.TempDir(), "s")
	for _, address := range []string{path, "tcp://127.0.0.1:*"} {
		o := newOutlet(t, carrier.Drop, 0, bind(address))
		at := o.address()
		i := newInlet(t, carrier.SUB, []string{"a"}, dial(at))
		for round := 1; round <= 3; round++ {
			o.wait(t, carrier.Subscribed, 1)
			o.Send(message("a"))
			i.sink.wait(t, round)
			o.Close(time.Second)
			require.Equal(t, at, i.eventLog.wait(t, carrier.Retrying, round).Address)
			i.eventLog.wait(t, carrier.Disconnected, round)
			o = newOutlet(t, carrier.Drop, 0, bind(at))
		}
	}
}

func TestConnectBeforeBind(t *testing.T) {
	i := newInlet(t, carrier.SUB, []string{"a"}, bind("tcp://127.0.0.1:*"))
	at := i.address()
	i.Close()
	o := newOutlet(t, carrier.Drop, 0, dial(at))
	require.Equal(t, at, o.wait(t, carrier.Retrying, 2).Address)
	i = newInlet(t, carrier.SUB, []string{"a"}, bind(at))
	o.wait(t, carrier.Subscribed, 1)
	require.Equal(t, 1, o.Send(message("a")).Sent)
	i.sink.wait(t, 1)
}
