package supervisor

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// soon is how long a test waits before it calls something broken.
const soon = time.Minute

// supervised is the socket of a supervisor, which this program has from now on.
func supervised(t *testing.T) (next func() string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return func() string {
		text := make([]byte, 4096)
		require.NoError(t, c.SetReadDeadline(time.Now().Add(soon)))
		n, err := c.Read(text)
		require.NoError(t, err)
		return string(text[:n])
	}
}

func TestTheSupervisorIsToldWhatHappens(t *testing.T) {
	next := supervised(t)
	require.True(t, Wanted())
	Ready("at work\nat a")
	require.Equal(t, "READY=1\nSTATUS=at work; at a", next())
	Reloading()
	told := next()
	require.Regexp(t, `^RELOADING=1\nMONOTONIC_USEC=[0-9]+$`, told)
	usec, err := strconv.ParseInt(told[strings.LastIndexByte(told, '=')+1:], 10, 64)
	require.NoError(t, err)
	uptime, err := os.ReadFile("/proc/uptime")
	require.NoError(t, err)
	seconds, err := strconv.ParseFloat(strings.Fields(string(uptime))[0], 64)
	require.NoError(t, err)
	require.InDelta(t, seconds, float64(usec)/1e6, seconds, "it is no time since the start of the system")
	Status("idle")
	require.Equal(t, "STATUS=idle", next())
	Stopping("it ends")
	require.Equal(t, "STOPPING=1\nSTATUS=it ends", next())
}

func TestWithoutASupervisorNothingIsTold(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	require.False(t, Wanted())
	Ready("x")
	t.Setenv("WATCHDOG_USEC", "1000")
	Watchdog(t.Context(), func(context.Context) error { t.Error("checked"); return nil }, nil)
	require.Empty(t, Sockets())
}

func TestTheWatchdogHearsOnlyOfAServiceThatIsWell(t *testing.T) {
	next := supervised(t)
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	t.Setenv("WATCHDOG_USEC", "20000")
	ctx, cancel := context.WithCancel(t.Context())
	health, problems := make(chan error), make(chan error)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		Watchdog(ctx, func(context.Context) error { return <-health }, func(err error) { problems <- err })
	}()
	slow := func() error {
		for {
			if err := <-problems; !errors.Is(err, ErrSlow) {
				return err
			}
		}
	}
	// answer ends a check, and passes over what is said meanwhile of its slowness.
	answer := func(err error) {
		for {
			select {
			case health <- err:
				return
			case p := <-problems:
				require.ErrorIs(t, p, ErrSlow)
			}
		}
	}
	answer(nil)
	require.Equal(t, "WATCHDOG=1", next())
	sick := errors.New("sick")
	answer(sick)
	require.ErrorIs(t, slow(), sick)
	require.ErrorIs(t, <-problems, ErrSlow, "a check that hangs is no sign of life")
	answer(nil) // too late: the next check counts
	answer(nil)
	require.Equal(t, "WATCHDOG=1", next())
	cancel()
	for {
		select {
		case health <- nil:
		case <-problems:
		case <-ended:
			return
		}
	}
}
