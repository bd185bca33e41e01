//go:build cgo && !nolibzmq

package libzmq

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	zmq "github.com/pebbe/zmq4"
	"golang.org/x/sys/unix"
)

// watcher waits for the descriptor of a libzmq socket (ZMQ_FD) in Go's poller.
//
// ZMQ_FD is edge-triggered and is never read: each turn must go on until libzmq has
// nothing more to do. A call into libzmq outside of the watcher's turn may consume the
// event that was meant for the watcher, so its caller calls wake.
type watcher struct {
	file  *os.File    // a duplicate of ZMQ_FD
	woken atomic.Bool // wake has been called since the last turn
}

// newWatcher duplicates the descriptor, for Go's poller and for a Close of our own.
func newWatcher(soc *zmq.Socket) (*watcher, error) {
	fd, err := soc.GetFd()
	if err != nil {
		return nil, fmt.Errorf("no ZMQ_FD: %w", err)
	}
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	if err = syscall.SetNonblock(dup, true); err != nil {
		_ = syscall.Close(dup)
		return nil, os.NewSyscallError("fcntl", err)
	}
	return &watcher{file: os.NewFile(uintptr(dup), "ZMQ_FD")}, nil
}

// run calls turn whenever libzmq may have something to do, until turn reports that it is
// over.
func (w *watcher) run(turn func() (over bool)) {
	raw, err := w.file.SyscallConn()
	if err != nil {
		panic(err)
	}
	for over := false; !over; {
		_ = w.file.SetReadDeadline(time.Time{})
		if w.woken.Swap(false) {
			over = turn()
			continue
		}
		err = raw.Read(func(uintptr) bool {
			over = turn()
			return over
		})
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return // the file is closed
		}
	}
}

// wake makes run take a turn.
func (w *watcher) wake() {
	w.woken.Store(true)
	_ = w.file.SetReadDeadline(time.Unix(1, 0))
}

func (w *watcher) close() { _ = w.file.Close() }
