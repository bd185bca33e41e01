// On Linux a timer is a timerfd.

package fds

import (
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Timer is a timer that wakes one thread: a timerfd in Go's poller. For a timer of Go's own the
// runtime wakes its monitor as well, and often another thread to look for work, which is most of
// what an idle component costs.
//
// One goroutine calls Set and Wait; Close may be called from any.
type Timer struct {
	file *os.File
	raw  syscall.RawConn
	fd   int
}

// NewTimer makes a timer that is not set.
func NewTimer() (*Timer, error) {
	fd, err := Raise(unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK))
	if err != nil {
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	file := os.NewFile(uintptr(fd), "timer") // in the poller, because it does not block
	raw, err := file.SyscallConn()
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	Track(fd)
	return &Timer{file, raw, fd}, nil
}

// Set lets the next Wait last so long, from now on. d is positive.
func (t *Timer) Set(d time.Duration) {
	when := unix.ItimerSpec{Value: unix.NsecToTimespec(max(d, 1).Nanoseconds())}
	_ = t.raw.Control(func(fd uintptr) {
		// As in Wait: a call that does not block.
		_, _, _ = syscall.RawSyscall6(syscall.SYS_TIMERFD_SETTIME, fd, 0, uintptr(unsafe.Pointer(&when)), 0, 0, 0)
	})
}

// Wait waits for the end of what Set has set, and returns false once the timer is closed.
func (t *Timer) Wait() bool {
	var ends uint64
	return t.raw.Read(func(fd uintptr) bool {
		// The call does not block: telling the scheduler of it would cost more than the call.
		_, _, errno := syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(&ends)), unsafe.Sizeof(ends))
		return errno != syscall.EAGAIN && errno != syscall.EINTR
	}) == nil
}

// Close closes it, and ends Wait.
func (t *Timer) Close() {
	Untrack(t.fd)
	_ = t.file.Close()
}
