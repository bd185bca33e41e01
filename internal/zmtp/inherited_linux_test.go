package zmtp

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

// inherited is a descriptor of a listener, as another program would pass it.
func inherited(t *testing.T, network, at string) (fd int, l net.Listener) {
	t.Helper()
	l, err := net.Listen(network, at)
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	file, err := l.(interface{ File() (*os.File, error) }).File()
	require.NoError(t, err)
	t.Cleanup(func() { _ = file.Close() })
	return int(file.Fd()), l
}

func TestAnInheritedSocketIsUsedAgainAndAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	for _, at := range [][3]string{
		{"tcp", "127.0.0.1:0", "tcp://"}, {"unix", path, "ipc://"}, {"unix", fmt.Sprintf("@hermes-%d", os.Getpid()), "ipc://"},
	} {
		fd, l := inherited(t, at[0], at[1])
		for range 2 {
			o := newOutlet(t, carrier.Drop, 0, bind(fmt.Sprintf("fd://%d", fd)))
			require.Equal(t, []string{at[2] + l.Addr().String()}, o.Endpoints())
			in := newInlet(t, carrier.SUB, nil, dial(o.address()))
			in.eventLog.wait(t, carrier.Connected, 1)
			o.Close(0)
			in.Close()
		}
		if at[1] == path {
			require.FileExists(t, path, "it belongs to the program that has made it")
		}
		waiting, err := net.Dial(at[0], l.Addr().String()) // nothing binds it at present
		require.NoError(t, err, "it does not go on listening")
		_ = waiting.Close()
	}
}

func TestADescriptorOfAnythingElseIsRefused(t *testing.T) {
	file, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer file.Close()
	socket := func(domain, kind int) int {
		fd, err := unix.Socket(domain, kind|unix.SOCK_CLOEXEC, 0)
		require.NoError(t, err)
		t.Cleanup(func() { _ = unix.Close(fd) })
		return fd
	}
	for fd, want := range map[int]string{
		1 << 20:                                "descriptor 1048576 is not open",
		int(file.Fd()):                         "is no socket",
		socket(unix.AF_INET, unix.SOCK_DGRAM):  "is no stream socket of TCP or Unix",
		socket(unix.AF_INET, unix.SOCK_STREAM): "does not listen (in a socket unit of systemd: Accept=no)",
	} {
		_, err := Opener{}.OpenOutlet(carrier.OutletConfig{Config: config(carrier.PUB, []option{bind(fmt.Sprintf("fd://%d", fd))})})
		require.ErrorIs(t, err, carrier.ErrAddress)
		require.ErrorContains(t, err, want)
	}
}
