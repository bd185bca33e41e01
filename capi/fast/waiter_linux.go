package fast

// #include "waiter.h"
import "C"

import (
	"math"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hermes-zmq/hermes/internal/fds"
)

// wakeFutex wakes all threads that sleep on a futex. It is no call into C, and the scheduler is not
// told, because both would cost more than the system call.
func wakeFutex(futex *uint32) {
	const wakePrivate = 1 | 128 // FUTEX_WAKE_PRIVATE
	_, _, _ = syscall.RawSyscall(syscall.SYS_FUTEX, uintptr(unsafe.Pointer(futex)), wakePrivate, math.MaxInt32)
}

// openFD makes the wake fd unless there is one. The holder of the reader lease calls it, of
// which there is one at a time.
func (w *Waiter) openFD() bool {
	users, owned := (*uint32)(&w.shared.fd_users), (*uint32)(&w.shared.fd_owned)
	if atomic.LoadUint32(owned) != 0 {
		return true
	}
	if atomic.LoadUint32(users) != 0 {
		return false // of one given up
	}
	fd, err := fds.Raise(unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK))
	if err != nil {
		return false
	}
	fds.Track(fd) // C ends that when it closes the descriptor
	w.shared.wake_fd = C.int32_t(fd)
	atomic.StoreUint32(users, 1)
	atomic.StoreUint32(owned, 1)
	return true
}
