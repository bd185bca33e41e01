// On macOS and FreeBSD a WakeFD is a pipe.

//go:build darwin || freebsd

package fds

import (
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// WakeFD is a descriptor at which a goroutine waits, and by which a thread outside of Go wakes
// it. FD, Wake and Wait may be called from any goroutine, one Wait at a time.
type WakeFD struct {
	file   *os.File // where it is read, in Go's poller
	raw    syscall.RawConn
	fd     int
	writer int
}

// NewWakeFD makes one.
func NewWakeFD() (*WakeFD, error) {
	fd, writer, err := pipe()
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "wake") // in the poller, because it does not block
	raw, err := file.SyscallConn()
	if err != nil {
		_ = file.Close()
		_ = unix.Close(writer)
		return nil, err
	}
	Track(fd)
	return &WakeFD{file, raw, fd, writer}, nil
}

// FD is its number, for threads that write to it, as many bytes as they like.
func (w *WakeFD) FD() int { return w.writer }

// Wait calls done at once, and after each write, until it reports true, which the
// writer makes so before it writes. An error is that of a closed file.
func (w *WakeFD) Wait(done func() bool) error {
	return w.raw.Read(func(fd uintptr) bool {
		var bytes [64]byte
		for { // before done, so that no write is missed
			if n, err := unix.Read(int(fd), bytes[:]); n < len(bytes) && err != unix.EINTR {
				return done()
			}
		}
	})
}

// Wake wakes the goroutine that waits.
func (w *WakeFD) Wake() { _, _ = unix.Write(w.writer, []byte{1}) } // a pipe that is full wakes it as well

// Keep leaves it open for good, for a thread may still write to it.
func (w *WakeFD) Keep() { kept.Store(w, nil) }

// kept are those that Keep has left open.
var kept sync.Map

// Close closes it. No thread may write to it any more.
func (w *WakeFD) Close() {
	Untrack(w.fd)
	Untrack(w.writer)
	_ = w.file.Close()
	_ = unix.Close(w.writer)
}
