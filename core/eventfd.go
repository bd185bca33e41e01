package core

import (
	"golang.org/x/sys/unix"

	"github.com/hermes-zmq/hermes/internal/fds"
)

// eventFD is a descriptor for other people's event loops, made when somebody asks
// for it. Its owner's lock guards it.
type eventFD struct {
	fd    int
	made  bool
	shown bool // it polls readable
}

func (e *eventFD) open() (int, error) {
	if e.made {
		return e.fd, nil
	}
	fd, err := fds.Raise(unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK))
	if err != nil {
		return -1, err
	}
	fds.Track(fd)
	e.fd, e.made = fd, true
	return fd, nil
}

// show makes the descriptor readable, or not.
func (e *eventFD) show(readable bool) {
	if !e.made || e.shown == readable {
		return
	}
	e.shown = readable
	var one = [8]byte{1}
	if readable {
		_, _ = unix.Write(e.fd, one[:]) // cannot block: the counter is 0
	} else {
		_, _ = unix.Read(e.fd, one[:]) // resets the counter
	}
}

func (e *eventFD) close() {
	if e.made {
		fds.Untrack(e.fd)
		_ = unix.Close(e.fd)
		*e = eventFD{}
	}
}
