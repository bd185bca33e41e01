// On Linux a WakeFD is an eventfd.

package fds

import (
	"os"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// WakeFD is a descriptor at which a goroutine waits, and by which a thread outside of Go wakes
// it: a call into Go would cost more, and wake the monitor of Go's runtime as well.
//
// It is an eventfd in Go's poller, which reports every write; so its counter need not be read.
// FD, Wake and Wait may be called from any goroutine, one Wait at a time.
type WakeFD struct {
	file *os.File
	raw  syscall.RawConn
	fd   int
}

// NewWakeFD makes one.
func NewWakeFD() (*WakeFD, error) {
	fd, err := Raise(unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK))
	if err != nil {
		return nil, os.NewSyscallError("eventfd", err)
	}
	file := os.NewFile(uintptr(fd), "wake") // in the poller, because it does not block
	raw, err := file.SyscallConn()
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	Track(fd)
	return &WakeFD{file, raw, fd}, nil
}

// FD is its number, for threads that write to it: 8 bytes, as eventfd(2) says.
func (w *WakeFD) FD() int { return w.fd }

// Wait calls done at once, and after each write, until it reports true, which the
// writer makes so before it writes. An error is that of a closed file.
func (w *WakeFD) Wait(done func() bool) error {
	return w.raw.Read(func(uintptr) bool { return done() })
}

// Wake wakes the goroutine that waits.
func (w *WakeFD) Wake() {
	one := [8]byte{1}
	// The call does not block: telling the scheduler of it would cost more than the call.
	_, _, _ = syscall.RawSyscall(syscall.SYS_WRITE, uintptr(w.fd), uintptr(unsafe.Pointer(&one)), uintptr(len(one)))
}

// Keep leaves it open for good, for a thread may still write to it: without a reference, the
// garbage collector would close it.
func (w *WakeFD) Keep() { kept.Store(w, nil) }

// kept are those that Keep has left open.
var kept sync.Map

// Close closes it. No thread may write to it any more.
func (w *WakeFD) Close() {
	Untrack(w.fd)
	_ = w.file.Close()
}
