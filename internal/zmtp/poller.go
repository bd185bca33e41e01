package zmtp

import (
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hermes-zmq/hermes/internal/fds"
)

// leavePoller takes the connection out of Go's poller, in which everything that comes
// would wake a thread of Go, and has a watch wait for it instead. It is called before
// anybody but this goroutine and SetDeadline knows the connection, which stays as it was
// where there is an error.
func (r *rawio) leavePoller() error {
	fd := -1
	var failed error
	if err := r.raw.Control(func(old uintptr) { fd, failed = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 3) }); err != nil {
		return err
	}
	if failed != nil {
		return os.NewSyscallError("fcntl", failed)
	}
	file, err := unpolled(fd)
	if err != nil {
		return err
	}
	w, err := newWatch(fd, unix.EPOLLIN)
	if err != nil {
		_ = file.Close()
		return err
	}
	raw, err := file.SyscallConn()
	if err != nil {
		_ = file.Close()
		_ = w.file.Close()
		return err
	}
	fds.Untrack(r.fd)
	_ = r.Conn.Close() // the connection lives on in file
	r.own(uintptr(fd))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.file, r.raw, r.watch = file, raw, w
	return w.file.SetDeadline(r.deadline)
}

// unpolled makes a file of a socket that Go's poller is to know nothing of: for that it
// has to be a blocking one for a moment.
func unpolled(fd int) (*os.File, error) {
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

// SetDeadline is net.Conn's, wherever the connection is.
func (r *rawio) SetDeadline(t time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.deadline = t
	if r.watch == nil {
		return r.Conn.SetDeadline(t)
	}
	if r.blocked != nil {
		_ = r.blocked.file.SetDeadline(t)
	}
	return r.watch.file.SetDeadline(t)
}

// Close is net.Conn's, wherever the connection is: nobody goes on waiting for it. It is
// shut down first, so that the peer is told even where a process that was forked from
// this one holds a copy of the descriptor.
func (r *rawio) Close() error {
	_ = r.raw.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_RDWR) })
	fds.Untrack(r.fd)
	if r.watch != nil {
		_ = r.SetDeadline(longAgo) // for who waits for room, and knows nothing of the file
		_ = r.watch.file.Close()
		return r.file.Close()
	}
	return r.Conn.Close()
}

// awaitRoom waits until a connection outside of Go's poller can be written to.
func (r *rawio) awaitRoom() error {
	var w *watch
	var failed error
	if err := r.raw.Control(func(fd uintptr) { w, failed = newWatch(int(fd), unix.EPOLLOUT) }); err != nil {
		return err
	}
	if exhausted(failed) {
		return r.pollForRoom()
	}
	if failed != nil {
		return failed
	}
	r.block(w)
	defer r.block(nil)
	defer func() { _ = w.file.Close() }()
	ready := false
	return w.wait(func() bool {
		was := ready
		ready = true // the second time
		return was
	})
}

// pollForRoom is awaitRoom where there is no descriptor for a watch: it looks, and
// returns after a moment whether there is room or not, for the caller to try.
func (r *rawio) pollForRoom() error {
	r.mu.Lock()
	deadline := r.deadline
	r.mu.Unlock()
	if !deadline.IsZero() && time.Now().After(deadline) {
		return os.ErrDeadlineExceeded
	}
	return r.raw.Control(func(fd uintptr) {
		_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, pollMoment)
	})
}

// pollMoment is how long pollForRoom takes at most, in milliseconds: an end or a new
// deadline of the connection is noticed between two.
const pollMoment = 20

func (r *rawio) block(w *watch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.blocked = w
	if w != nil {
		_ = w.file.SetDeadline(r.deadline)
	}
}
