package testkit_test

import (
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/hermes-zmq/hermes/internal/testkit"
)

func TestReadableGoesOnWhereASignalInterrupts(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	defer w.Close()
	require.False(t, testkit.Readable(t, int(r.Fd()), 0))

	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	thread := unix.Gettid()
	var over atomic.Bool
	var signals sync.WaitGroup
	signals.Go(func() {
		for n := 0; !over.Load(); n++ { // SIGURG is what the runtime itself sends
			_ = unix.Tgkill(os.Getpid(), thread, unix.SIGURG)
			if n == 1000 {
				_, _ = w.Write([]byte{1})
			}
			time.Sleep(10 * time.Microsecond)
		}
	})
	ready := testkit.Readable(t, int(r.Fd()), testkit.Soon)
	over.Store(true)
	signals.Wait()
	require.True(t, ready)
}
