package ipcfile

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/errno"
)

// bound is a listener whose file is as the system makes it.
func bound(path string) (*net.UnixListener, error) { return Listen(path, carrier.SocketFile{}) }

// One of many that race for a stale file binds, and the others fail. flock distinguishes
// open files, not processes, so goroutines race as processes do.
func TestOneOfManyThatRaceForAStaleFileBindsIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	for round := range 200 {
		if round%2 == 0 { // every other time there is a stale file
			l, err := bound(path)
			require.NoError(t, err)
			require.NoError(t, l.Close())
		} else {
			require.NoError(t, os.Remove(path))
		}
		var mu sync.Mutex
		var winners []*net.UnixListener
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				l, err := bound(path)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					winners = append(winners, l)
				} else if !errors.Is(err, errno.EADDRINUSE) {
					t.Errorf("round %d: %v", round, err)
				}
			})
		}
		all.Wait()
		require.Len(t, winners, 1, "round %d", round)
		c, err := net.Dial("unix", path)
		require.NoError(t, err)
		require.NoError(t, c.Close())
		require.NoError(t, winners[0].Close())
	}
}

func TestWhatPreventsBindingIsNamed(t *testing.T) {
	dir := t.TempDir()
	bind := func(path string) error { _, err := bound(path); return err }
	require.ErrorIs(t, bind(dir), carrier.ErrAddress)
	require.ErrorContains(t, bind(dir), "is a directory")
	require.ErrorIs(t, bind(filepath.Join(dir, "none", "s")), carrier.ErrAddress)
	require.ErrorContains(t, bind(filepath.Join(dir, "none", "s")), "does not exist")
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.ErrorIs(t, bind(file), errno.EADDRINUSE)
	require.ErrorContains(t, bind(file), "not a socket")
	require.FileExists(t, file)
	require.ErrorIs(t, bind(filepath.Join(file, "s")), carrier.ErrAddress)
}

func TestOnlyTheFileThatWasMadeIsRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := bound(path)
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	made, err := os.Lstat(path)
	require.NoError(t, err)
	require.NoError(t, os.Rename(path, path+"-away"))
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	Remove(path, made)
	require.FileExists(t, path)
	Remove(path+"-away", made)
	require.NoFileExists(t, path+"-away")
	Remove(path, nil)
	require.FileExists(t, path)
}

func TestAnAbstractNameNeedsNoLock(t *testing.T) {
	called := false
	require.NoError(t, Bind("@no/such/directory", func() error { called = true; return nil }))
	require.True(t, called)
}
