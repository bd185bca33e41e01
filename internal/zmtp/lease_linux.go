// On Linux a thread outside of Go can wait for a connection, and read it, in place of Go.

//go:build linux && !posix && !portable

package zmtp

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hermes-zmq/hermes/internal/fds"
)

// epoll waits in Go's poller for a descriptor that is not in there itself: it is an
// epoll instance that holds nothing but that descriptor, and that can be muted. So a
// goroutine can wait, and a thread outside of Go can wait in its place without every
// arrival waking Go as well.
type epoll struct {
	file *os.File // the epoll instance
	raw  syscall.RawConn

	fd     int // the descriptor that it holds
	events uint32
}

func newEpoll(fd int, events uint32) (*epoll, error) {
	instance, err := fds.Raise(unix.EpollCreate1(unix.EPOLL_CLOEXEC))
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	e := &epoll{fd: fd, events: events}
	err = unix.EpollCtl(instance, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
	if err == nil {
		err = unix.SetNonblock(instance, true) // this is what puts a file into Go's poller
	}
	if err != nil {
		_ = unix.Close(instance)
		return nil, os.NewSyscallError("epoll_ctl", err)
	}
	e.file = os.NewFile(uintptr(instance), "epoll")
	e.raw, err = e.file.SyscallConn()
	return e, err
}

// wait calls turn at once, and again whenever the descriptor is ready, until turn reports
// that it is over. An error is the file's: a deadline, or its end.
func (e *epoll) wait(turn func() (over bool)) error {
	return e.raw.Read(func(uintptr) bool { return turn() })
}

// mute makes the instance report nothing until unmute.
func (e *epoll) mute() error { return e.control(unix.EPOLL_CTL_DEL) }

// unmute ends mute; a descriptor that is ready already is reported. (EPOLL_CTL_MOD in
// place of DEL and ADD does not do: for a descriptor that it has reported as ready before,
// the kernel wakes no waiter of the outer poller.)
func (e *epoll) unmute() error { return e.control(unix.EPOLL_CTL_ADD) }

func (e *epoll) control(operation int) error {
	var failed error
	err := e.raw.Control(func(instance uintptr) {
		failed = unix.EpollCtl(int(instance), operation, e.fd, &unix.EpollEvent{Events: e.events, Fd: int32(e.fd)})
	})
	if err == nil {
		err = failed
	}
	return err
}

// leavePoller takes the connection out of Go's poller, in which every arrival would wake
// a thread of Go. It is called by the connection's goroutine before any other but
// SetDeadline's callers uses the connection, which stays as it was on an error.
func (r *rawio) leavePoller() error {
	fd := -1
	var failed error
	if err := r.raw.Control(func(old uintptr) { fd, failed = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 3) }); err != nil {
		return err
	}
	if failed != nil {
		return os.NewSyscallError("fcntl", failed)
	}
	file, err := unpolledFile(fd)
	if err != nil {
		return err
	}
	readable, err := newEpoll(fd, unix.EPOLLIN)
	if err != nil {
		_ = file.Close()
		return err
	}
	raw, err := file.SyscallConn()
	if err != nil {
		_ = file.Close()
		_ = readable.file.Close()
		return err
	}
	fds.Untrack(r.fd)
	_ = r.Conn.Close() // the connection lives on in file
	r.track(uintptr(fd))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.file, r.raw, r.readable = file, raw, readable
	return readable.file.SetDeadline(r.deadline)
}

// unpolledFile makes a file of a socket that does not enter Go's poller: for that it has
// to be in blocking mode for a moment.
func unpolledFile(fd int) (*os.File, error) {
	if err := unix.SetNonblock(fd, false); err != nil {
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	file := os.NewFile(uintptr(fd), "connection")
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = file.Close()
		return nil, os.NewSyscallError("fcntl", err)
	}
	return file, nil
}

// leasable reports whether the reading of the connection can be leased: it has left Go's poller.
func (r *rawio) leasable() bool { return r.readable != nil }

// leaseFD is the descriptor that a holder of a lease waits for.
func (r *rawio) leaseFD() int { return r.readable.fd }

// awaitReadable waits until the connection can be read, except while it is muted: see epoll.wait.
func (r *rawio) awaitReadable(turn func() (over bool)) error { return r.readable.wait(turn) }

// mute and unmute are those of the epoll instance.
func (r *rawio) mute() error   { return r.readable.mute() }
func (r *rawio) unmute() error { return r.readable.unmute() }
