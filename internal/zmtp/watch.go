package zmtp

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hermes-zmq/hermes/internal/fds"
)

// watch waits in Go's poller for a descriptor that is not in there itself: it is an
// epoll instance that holds nothing but that descriptor, and that can be told to hold
// its tongue. So a goroutine can wait, and a thread outside of Go can wait in its place
// without Go being woken by everything that comes.
type watch struct {
	file *os.File // the epoll instance
	raw  syscall.RawConn

	fd     int // what is watched
	events uint32
}

func newWatch(fd int, events uint32) (*watch, error) {
	epoll, err := fds.Raise(unix.EpollCreate1(unix.EPOLL_CLOEXEC))
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	w := &watch{fd: fd, events: events}
	err = unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
	if err == nil {
		err = unix.SetNonblock(epoll, true) // this is what puts a file into Go's poller
	}
	if err != nil {
		_ = unix.Close(epoll)
		return nil, os.NewSyscallError("epoll_ctl", err)
	}
	w.file = os.NewFile(uintptr(epoll), "epoll")
	w.raw, err = w.file.SyscallConn()
	return w, err
}

// wait calls turn at once, and again whenever there may be something to do, until it
// reports that it is over. An error is the file's: a deadline, or its end.
func (w *watch) wait(turn func() (over bool)) error {
	return w.raw.Read(func(uintptr) bool { return turn() })
}

// silence lets nothing wake anybody until listen.
func (w *watch) silence() error { return w.control(unix.EPOLL_CTL_DEL) }

// listen ends silence; what is there already counts. (Changing the events rather than
// adding the descriptor anew would not do: the kernel wakes nobody for one that it has
// taken for ready since before, and it looks again only when somebody asks.)
func (w *watch) listen() error { return w.control(unix.EPOLL_CTL_ADD) }

func (w *watch) control(operation int) error {
	var failed error
	err := w.raw.Control(func(epoll uintptr) {
		failed = unix.EpollCtl(int(epoll), operation, w.fd, &unix.EpollEvent{Events: w.events, Fd: int32(w.fd)})
	})
	if err == nil {
		err = failed
	}
	return err
}
