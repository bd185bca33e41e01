//go:build linux && !posix && !portable

package zmtp

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/hermes-zmq/hermes/internal/testkit"
)

// A muted instance reports nothing, and what is readable when it is unmuted is reported,
// whether it became so before or meanwhile.
func TestAMutedEpollReportsNothing(t *testing.T) {
	var pipe [2]int
	require.NoError(t, unix.Pipe2(pipe[:], unix.O_CLOEXEC|unix.O_NONBLOCK))
	defer func() { _ = unix.Close(pipe[0]); _ = unix.Close(pipe[1]) }()
	e, err := newEpoll(pipe[0], unix.EPOLLIN)
	require.NoError(t, err)
	turns, ended := make(chan struct{}, 100), make(chan error, 1)
	go func() {
		ended <- e.wait(func() bool { turns <- struct{}{}; return false })
	}()
	testkit.Receive(t, turns, "the first turn, without any event")
	for range 3 {
		require.NoError(t, e.mute())
		_, err = unix.Write(pipe[1], []byte("x"))
		require.NoError(t, err)
		require.False(t, testkit.Readable(t, epollDescriptor(t, e), 0))
		require.NoError(t, e.unmute())
		testkit.Receive(t, turns, "a turn after unmute")
	}
	require.NoError(t, e.file.SetDeadline(time.Unix(1, 0)))
	require.ErrorIs(t, testkit.Receive(t, ended, "the end of wait"), os.ErrDeadlineExceeded)
	require.NoError(t, e.file.Close())
}

func epollDescriptor(t *testing.T, e *epoll) (fd int) {
	t.Helper()
	require.NoError(t, e.raw.Control(func(instance uintptr) { fd = int(instance) }))
	return fd
}
