package fds

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/testkit"
)

// shown is how long a descriptor may take to show something: on Windows it is on the way for a moment.
func shown(show bool) time.Duration {
	if show {
		return testkit.Soon
	}
	return 0
}

func TestAPollFDShowsWhatItsOwnerSays(t *testing.T) {
	var p PollFD
	p.Show(true) // there is no descriptor yet
	p.Close()
	require.False(t, p.Made())
	fd, err := p.Open()
	require.NoError(t, err)
	require.True(t, p.Made())
	require.False(t, testkit.Readable(t, fd, 0))
	for _, show := range []bool{true, true, false, false, true} {
		p.Show(show)
		require.Equal(t, show, testkit.Readable(t, fd, shown(show)))
	}
	again, err := p.Open()
	require.NoError(t, err)
	require.Equal(t, fd, again, "it is one descriptor")
	p.Close()
	require.False(t, p.Made())
	p.Show(true)
	p.Close()
}
