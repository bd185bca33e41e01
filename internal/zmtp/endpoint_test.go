package zmtp

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

func TestSupports(t *testing.T) {
	for _, good := range []string{
		"tcp://127.0.0.1:6000", "tcp://*:*", "tcp://*:0", "tcp://0.0.0.0:*", "tcp://[::1]:5555", "tcp://[fe80::1%lo]:5555",
		"tcp://eth0:5555", "tcp://example.org:1", "ipc:///tmp/x", "ipc://relative", "ipc://@name", "ipc://*",
	} {
		require.NoError(t, Opener{}.Supports(good), good)
	}
	for _, bad := range []string{
		"", "6000", "tcp://", "tcp://host", "tcp://:5", "tcp://host:", "tcp://host:x", "tcp://host:65536", "tcp://host:-1",
		"tcp://::1:5555", "tcp://[::1:5555", "tcp://[host]:5", "tcp://a/b:5", "ipc://", "ipc://@", "ipc://a\x00b",
		"ipc:///" + strings.Repeat("x", 108),
	} {
		require.ErrorIs(t, Opener{}.Supports(bad), carrier.ErrAddress, bad)
	}
	for _, other := range []string{"inproc://x", "pgm://eth0;1.2.3.4:5", "tcp://eth0:0;10.0.0.1:5555"} {
		require.ErrorIs(t, Opener{}.Supports(other), carrier.ErrUnsupported, other)
	}
	require.ErrorIs(t, Opener{}.Supports("ipc:///"+strings.Repeat("x", 108)), syscall.ENAMETOOLONG)
}

func TestRefusesWhatCannotBeOpened(t *testing.T) {
	open := func(kind carrier.Type, o option) error {
		_, err := Opener{}.OpenOutlet(carrier.OutletConfig{Config: config(kind, []option{o})})
		return err
	}
	require.ErrorIs(t, open(carrier.SUB, bind("tcp://127.0.0.1:*")), carrier.ErrUnsupported)
	require.ErrorIs(t, open(carrier.PUB, dial("tcp://*:5")), carrier.ErrAddress)
	require.ErrorIs(t, open(carrier.PUB, dial("tcp://127.0.0.1:*")), carrier.ErrAddress)
	require.ErrorIs(t, open(carrier.PUB, dial("nonsense")), carrier.ErrAddress)
	require.ErrorIs(t, open(carrier.PUB, bind("nonsense")), carrier.ErrAddress)
	_, err := Opener{}.OpenInlet(carrier.InletConfig{Config: config(carrier.XPUB, nil)})
	require.ErrorIs(t, err, carrier.ErrUnsupported)
}

func TestAddressInUse(t *testing.T) {
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"))
	_, err := Opener{}.OpenOutlet(carrier.OutletConfig{Config: config(carrier.PUB, []option{bind("tcp://127.0.0.1:0", o.address())})})
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	require.ErrorContains(t, err, o.address())
}

func TestEndpoints(t *testing.T) {
	dir := t.TempDir()
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://*:*", "tcp://127.0.0.1:0", "tcp://lo:0", "tcp://localhost:0", "tcp://[::1]:0", "tcp://[::]:*",
		"ipc://"+dir+"/a", "ipc://@"+dir+"/b", "ipc://*"))
	e := o.Endpoints()
	require.Len(t, e, 9)
	for i, want := range []string{
		`tcp://0\.0\.0\.0:\d+`, `tcp://127\.0\.0\.1:\d+`, `tcp://127\.0\.0\.1:\d+`, `tcp://(127\.0\.0\.1|\[::1\]):\d+`, `tcp://\[::1\]:\d+`, `tcp://\[::\]:\d+`,
		`ipc://` + dir + `/a`, `ipc://@` + dir + `/b`, `ipc://.+/hermes-.+/socket`,
	} {
		require.Regexp(t, "^"+want+"$", e[i])
	}
	for _, each := range e {
		at := strings.NewReplacer("0.0.0.0", "127.0.0.1", "[::]", "127.0.0.1").Replace(each)
		in := newInlet(t, carrier.SUB, nil, dial(at))
		in.eventLog.wait(t, carrier.Connected, 1)
	}
}

func TestSocketFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")

	// A file that a crashed run left behind is in nobody's way.
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(t, err)
	l.SetUnlinkOnClose(false)
	require.NoError(t, l.Close())
	require.FileExists(t, path)
	o := newOutlet(t, carrier.Drop, 0, bind("ipc://"+path))

	// One that is in use is.
	_, err = Opener{}.OpenOutlet(carrier.OutletConfig{Config: config(carrier.PUB, []option{bind("ipc://" + path)})})
	require.ErrorIs(t, err, syscall.EADDRINUSE)

	// It goes with the socket, unless somebody else has put his own there.
	o.Close(0)
	require.NoFileExists(t, path)
	o = newOutlet(t, carrier.Drop, 0, bind("ipc://"+path))
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	o.Close(0)
	require.FileExists(t, path)

	// What is not a socket is never removed.
	_, err = Opener{}.OpenOutlet(carrier.OutletConfig{Config: config(carrier.PUB, []option{bind("ipc://" + path)})})
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	require.FileExists(t, path)

	o = newOutlet(t, carrier.Drop, 0, bind("ipc://*"))
	made := strings.TrimPrefix(o.address(), "ipc://")
	require.FileExists(t, made)
	o.Close(0)
	require.NoDirExists(t, filepath.Dir(made))
}
