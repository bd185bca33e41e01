package fds

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func readable(t *testing.T, fd int) bool {
	t.Helper()
	polled := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(polled, 0)
	require.NoError(t, err)
	return n == 1
}

func TestAPollFDShowsWhatItsOwnerSays(t *testing.T) {
	var p PollFD
	p.Show(true) // there is no descriptor yet
	p.Close()
	require.False(t, p.Made())
	fd, err := p.Open()
	require.NoError(t, err)
	require.True(t, p.Made())
	require.False(t, readable(t, fd))
	for _, show := range []bool{true, true, false, false, true} {
		p.Show(show)
		require.Equal(t, show, readable(t, fd))
	}
	again, err := p.Open()
	require.NoError(t, err)
	require.Equal(t, fd, again, "it is one descriptor")
	p.Close()
	require.False(t, p.Made())
	p.Show(true)
	p.Close()
}
