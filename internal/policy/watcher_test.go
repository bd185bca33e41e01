package policy

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/fds"
)

func TestWithoutEventsFilesAreLookedAt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.toml")
	require.NoError(t, os.WriteFile(path, []byte(onlyTicks), 0o600))
	changed := make(chan struct{}, 1)
	w := newWatcher(func() { changed <- struct{}{} })
	require.NotNil(t, w.events)
	require.NoError(t, w.events.Close())
	w.events = nil // as where the kernel has none
	w.read([]string{path})
	w.start(nil)
	defer w.close()
	replace(t, path, onlyTicks+"\n")
	select {
	case <-changed:
	case <-time.After(soon):
		t.Fatal("the change was not seen")
	}
}

// A forked child closes what is in the poller of Go's runtime, and only knows of this descriptor by that.
func TestTheDescriptorOfTheWatcherIsInTheRuntimesPoller(t *testing.T) {
	w := newWatcher(func() {})
	defer w.close()
	require.NotNil(t, w.events)
	all, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	found := 0
	for _, each := range all {
		if to, err := os.Readlink("/proc/self/fd/" + each.Name()); err != nil || to != "anon_inode:inotify" {
			continue
		}
		found++
		fd, err := strconv.Atoi(each.Name())
		require.NoError(t, err)
		_, ok := fds.PollerOf(fd)
		require.True(t, ok)
	}
	require.Positive(t, found)
}
