package fds

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestTrackedDescriptorsAreInTheTables(t *testing.T) {
	require.False(t, Tracking())
	Track(0) // without tables it does nothing
	owned, pollers := make([]atomic.Uint64, 1024), make([]atomic.Uint64, 1024)
	StartTracking(owned, pollers)
	defer tracked.Store(nil)
	require.True(t, Tracking())
	n := 0
	for i := range pollers {
		n += int(pollers[i].Load())
	}
	require.Equal(t, 1, n, "the poller of Go's runtime")

	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	require.NoError(t, err)
	defer func() { _ = unix.Close(fd) }()
	Track(fd)
	require.Equal(t, inode(fd), owned[fd].Load())
	Untrack(fd)
	require.Zero(t, owned[fd].Load())
	TrackPoller(fd)
	require.EqualValues(t, 1, pollers[fd].Load())
	UntrackPoller(fd)
	require.Zero(t, pollers[fd].Load())
	Track(-1)
	Track(len(owned)) // beyond the table
}

func TestPollerOfFindsTheEpollInstance(t *testing.T) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	require.NoError(t, err)
	defer func() { _ = unix.Close(epoll) }()
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	require.NoError(t, err)
	defer func() { _ = unix.Close(fd) }()
	_, ok := PollerOf(fd)
	require.False(t, ok)
	require.NoError(t, unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}))
	found, ok := PollerOf(fd)
	require.True(t, ok)
	require.Equal(t, epoll, found)
}
