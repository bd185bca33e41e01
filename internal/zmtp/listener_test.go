package zmtp

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/errno"
)

func TestAddressInUse(t *testing.T) {
	o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"))
	_, err := Opener{}.OpenOutlet(carrier.OutletConfig{Config: config(carrier.PUB, []option{bind("tcp://127.0.0.1:0", o.address())})})
	require.ErrorIs(t, err, errno.EADDRINUSE)
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

	// A file that a crashed process left behind is replaced.
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(t, err)
	l.SetUnlinkOnClose(false)
	require.NoError(t, l.Close())
	require.FileExists(t, path)
	o := newOutlet(t, carrier.Drop, 0, bind("ipc://"+path))

	// One that is in use is not.
	_, err = Opener{}.OpenOutlet(carrier.OutletConfig{Config: config(carrier.PUB, []option{bind("ipc://" + path)})})
	require.ErrorIs(t, err, errno.EADDRINUSE)

	// It is removed with the socket, unless it is another file by then.
	o.Close(0)
	require.NoFileExists(t, path)
	o = newOutlet(t, carrier.Drop, 0, bind("ipc://"+path))
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	o.Close(0)
	require.FileExists(t, path)

	// What is not a socket is never removed.
	_, err = Opener{}.OpenOutlet(carrier.OutletConfig{Config: config(carrier.PUB, []option{bind("ipc://" + path)})})
	require.ErrorIs(t, err, errno.EADDRINUSE)
	require.FileExists(t, path)

	o = newOutlet(t, carrier.Drop, 0, bind("ipc://*"))
	made := strings.TrimPrefix(o.address(), "ipc://")
	require.FileExists(t, made)
	o.Close(0)
	require.NoDirExists(t, filepath.Dir(made))
}
