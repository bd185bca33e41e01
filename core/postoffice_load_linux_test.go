package core

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/hermes-zmq/hermes/internal/notify"
)

// TestAPostOfficeThatLacksDescriptorsSaysSoAndRecovers, with either engine.
func TestAPostOfficeThatLacksDescriptorsSaysSoAndRecovers(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		po := newOffice(t, engine)
		peer, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		require.NoError(t, err)
		defer func() { _ = unix.Close(peer) }()
		var limit unix.Rlimit
		require.NoError(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
		lowest, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
		require.NoError(t, err)
		require.NoError(t, unix.Close(lowest))
		require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(lowest), Max: limit.Max}))
		fed := false
		feed := func() {
			if !fed {
				fed = true
				require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit))
			}
		}
		defer feed()
		require.NoError(t, unix.Connect(peer, &unix.SockaddrInet4{Port: portOf(t, get(t, po, "endpoint.in")), Addr: [4]byte{127, 0, 0, 1}}))
		e := eventOf(t, po, "exhausted")
		require.Equal(t, notify.Warning, e.Level)
		require.Contains(t, e.Text, "too many open files")
		require.Contains(t, e.Text, "ulimit -n")
		feed()
		eventOf(t, po, "recovered")
		r := newReceiver(t, engine, get(t, po, "endpoint.out"))
		require.NoError(t, r.WaitReady(soon))
	})
}
