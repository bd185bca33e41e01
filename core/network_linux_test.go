package core

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/hermes-zmq/hermes/internal/fds"
)

// TestWithoutDescriptorsAStartFails, rather than the program.
func TestWithoutDescriptorsAStartFails(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		var limit unix.Rlimit
		require.NoError(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
		lowest, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
		require.NoError(t, err)
		require.NoError(t, unix.Close(lowest))
		restore := func() { require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)) }
		defer restore()
		for spare := range uint64(5 * fds.SpareDescriptors) {
			p, err := NewPostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*", "tcp://127.0.0.1:*")
			require.NoError(t, err)
			require.NoError(t, p.Set("engine", engine))
			before := countFDs(t)
			require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(lowest) + spare, Max: limit.Max}))
			err = p.Start()
			restore()
			if spare < fds.SpareDescriptors || err != nil {
				code(t, EIO, err, "cannot open", "the limit on open files, ulimit -n, is ")
				require.ErrorIs(t, err, syscall.EMFILE)
				require.Equal(t, "new", get(t, p, "state"))
				require.LessOrEqual(t, countFDs(t), before)
				require.NoError(t, p.Start())
			}
			require.NoError(t, p.Close())
		}
	})
}
