package zmtp

import (
	"fmt"
	"net"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

// stranger is a user other than that of this process, if it may take on another.
func stranger() carrier.Credentials {
	uid, gid := testkit.Stranger()
	return carrier.Credentials{UID: uid, GID: gid}
}

// connectAs is connectRaw to a Unix socket as another user.
func connectAs(t testing.TB, who carrier.Credentials, path string) (net.Conn, error) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	file := os.NewFile(uintptr(fd), "socket")
	defer func() { _ = file.Close() }()
	if err := testkit.AsUser(t, who.UID, who.GID, func() error { return unix.Connect(fd, &unix.SockaddrUnix{Name: path}) }); err != nil {
		return nil, err
	}
	nc, err := net.FileConn(file)
	require.NoError(t, err)
	t.Cleanup(func() { _ = nc.Close() })
	return nc, nil
}

func abstractName(t testing.TB) string {
	return fmt.Sprintf("@hermes-test-%d-%d", os.Getpid(), names.Add(1))
}

func TestThePeerOfABoundSocketIsTheUserThatHasConnected(t *testing.T) {
	path := abstractName(t)
	o := newOutlet(t, carrier.Drop, 0, bind("ipc://"+path))
	who := stranger()
	nc, err := connectAs(t, who, path)
	require.NoError(t, err)
	(&rawPeer{nc, t}).shakeHands("SUB", 1)
	require.Equal(t, &who, o.eventLog.wait(t, carrier.Connected, 1).Local)
	require.Equal(t, &who, o.Peers()[0].Local)
}

func TestThePeerOfAClientIsTheUserThatListens(t *testing.T) {
	path, who := abstractName(t), stranger()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	defer func() { _ = unix.Close(fd) }()
	require.NoError(t, unix.Bind(fd, &unix.SockaddrUnix{Name: path}))
	require.NoError(t, testkit.AsUser(t, who.UID, who.GID, func() error { return unix.Listen(fd, 1) }))
	nc, err := net.Dial("unix", path)
	require.NoError(t, err)
	defer func() { _ = nc.Close() }()
	require.Equal(t, peerCredentials{local: true, uid: who.UID, gid: who.GID}, readCredentials(nc))
}

func TestBothEndsKnowEachOtherOverIPCAndNeitherOverTCP(t *testing.T) {
	for address, want := range map[string]*carrier.Credentials{
		"ipc://" + abstractName(t): {UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())},
		"tcp://127.0.0.1:*":        nil,
	} {
		o := newOutlet(t, carrier.Drop, 0, bind(address))
		i := newInlet(t, carrier.SUB, []string{""}, dial(o.address()))
		require.Equal(t, want, o.eventLog.wait(t, carrier.Connected, 1).Local)
		require.Equal(t, want, i.eventLog.wait(t, carrier.Connected, 1).Local)
		require.Equal(t, want, i.Peers()[0].Local)
	}
}

// A socket that is no Unix socket, or is closed, has no credentials.
func TestCredentialsThatCannotBeReadAreNone(t *testing.T) {
	a, _ := socketPair(t)
	require.True(t, readCredentials(a).local)
	require.NoError(t, a.Close())
	require.Zero(t, readCredentials(a))
	require.Nil(t, peerCredentials{}.credentials())
}
