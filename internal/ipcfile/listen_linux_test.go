package ipcfile

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

// openDir is a directory that other users get through, with a name that is short.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "h")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	return dir
}

func mode(m fs.FileMode) *fs.FileMode { return &m }

// connect connects to a socket file in this thread.
func connect(path string) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	return unix.Connect(fd, &unix.SockaddrUnix{Name: path})
}

func TestTheFileIsAsItWasAskedFor(t *testing.T) {
	uid, gid := testkit.Stranger()
	for name, c := range map[string]struct {
		f      carrier.SocketFile
		mode   fs.FileMode
		others bool // may connect
	}{
		"mode":      {carrier.SocketFile{Mode: mode(0o666)}, 0o666, true},
		"less":      {carrier.SocketFile{Mode: mode(0o200)}, 0o200, false},
		"group":     {carrier.SocketFile{Mode: mode(0o660), Group: &carrier.Account{ID: gid}}, 0o660, true},
		"owner":     {carrier.SocketFile{Mode: mode(0o600), Owner: &carrier.Account{ID: uid}}, 0o600, true},
		"all three": {carrier.SocketFile{Mode: mode(0o600), Owner: &carrier.Account{ID: uid}, Group: &carrier.Account{ID: gid}}, 0o600, true},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(openDir(t), "s")
			l, err := Listen(path, c.f)
			require.NoError(t, err)
			defer func() { require.NoError(t, l.Close()) }()
			info, err := os.Lstat(path)
			require.NoError(t, err)
			require.Equal(t, c.mode, info.Mode().Perm())
			is := info.Sys().(*syscall.Stat_t)
			if c.f.Owner != nil {
				require.Equal(t, uid, is.Uid)
			}
			if c.f.Group != nil {
				require.Equal(t, gid, is.Gid)
			}
			err = testkit.AsUser(t, uid, gid, func() error { return connect(path) })
			if c.others || uid == uint32(os.Geteuid()) {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, unix.EACCES)
			}
		})
	}
}

// A user without rights never gets in, however often it tries while the socket is made; the umask
// alone would let it.
func TestTheModeHoldsFromTheFirstMomentOn(t *testing.T) {
	defer unix.Umask(unix.Umask(0))
	path := filepath.Join(openDir(t), "s")
	var over atomic.Bool
	tried := make(chan error, 1)
	uid, gid := testkit.Stranger()
	go func() {
		tried <- testkit.AsUser(t, uid, gid, func() error {
			for !over.Load() {
				if connect(path) == nil {
					return os.ErrExist
				}
			}
			return nil
		})
	}()
	for range 2000 {
		l, err := Listen(path, carrier.SocketFile{Mode: mode(0)})
		require.NoError(t, err)
		require.NoError(t, l.Close())
		require.NoError(t, os.Remove(path))
	}
	over.Store(true)
	require.NoError(t, testkit.Receive(t, tried, "the stranger"))
}

func TestWithoutPrivilegesTheErrorNamesTheOption(t *testing.T) {
	dir := openDir(t)
	require.NoError(t, os.Chmod(dir, 0o777))
	uid, gid := testkit.Stranger()
	for option, f := range map[string]carrier.SocketFile{
		"ipc.owner": {Owner: &carrier.Account{ID: 0, Name: "root"}},
		"ipc.group": {Group: &carrier.Account{ID: 0, Name: "root"}},
	} {
		err := testkit.AsUser(t, uid, gid, func() error { _, err := Listen(filepath.Join(dir, "s"), f); return err })
		require.ErrorIs(t, err, unix.EPERM)
		require.ErrorContains(t, err, "option "+option)
		require.ErrorContains(t, err, `"root" (0)`)
		require.ErrorContains(t, err, "CAP_CHOWN")
		require.NoFileExists(t, filepath.Join(dir, "s"), "what cannot be as asked for is removed")
	}
}

func TestAFileInItsPlaceIsNotChanged(t *testing.T) {
	dir := openDir(t)
	path, other := filepath.Join(dir, "s"), filepath.Join(dir, "other")
	require.NoError(t, os.WriteFile(other, nil, 0o600))
	require.NoError(t, os.Symlink(other, path))
	f := carrier.SocketFile{Mode: mode(0o666)}
	require.ErrorContains(t, prepare(path, f), "replaced")
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.Link(other, path))
	require.ErrorContains(t, prepare(path, f), "replaced")
	info, err := os.Stat(other)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	require.ErrorIs(t, prepare(filepath.Join(dir, "none"), f), os.ErrNotExist)
}

func TestAListenerTakesThePlaceOfAStaleFileAndNotOfAnother(t *testing.T) {
	path := filepath.Join(openDir(t), strings.Repeat("x", 107-len("/tmp/h0123456789/")-1))
	f := carrier.SocketFile{Mode: mode(0o640)}
	for range 2 { // the second finds the file of the first
		l, err := Listen(path, f)
		require.NoError(t, err)
		_, err = Listen(path, f)
		require.ErrorIs(t, err, syscall.EADDRINUSE)
		c, err := net.Dial("unix", path)
		require.NoError(t, err)
		require.NoError(t, c.Close())
		require.NoError(t, l.Close())
		require.FileExists(t, path)
	}
	l, err := Listen("@hermes-ipcfile-test", f)
	require.NoError(t, err, "there is no file")
	require.NoError(t, l.Close())
}
