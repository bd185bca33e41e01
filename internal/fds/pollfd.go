package fds

import (
	"golang.org/x/sys/unix"
)

// PollFD is a descriptor for event loops that polls readable while a condition holds. It
// is made at the first Open. It has no lock: its owner's guards it.
type PollFD struct {
	fd    int
	made  bool
	shown bool // it polls readable
}

// Made reports whether there is a descriptor.
func (p *PollFD) Made() bool { return p.made }

// Open gives the descriptor. It must only be waited on, and ends with Close.
func (p *PollFD) Open() (int, error) {
	if p.made {
		return p.fd, nil
	}
	fd, err := Raise(unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK))
	if err != nil {
		return -1, err
	}
	Track(fd)
	p.fd, p.made = fd, true
	return fd, nil
}

// Show makes the descriptor readable, or not.
func (p *PollFD) Show(readable bool) {
	if !p.made || p.shown == readable {
		return
	}
	p.shown = readable
	var one = [8]byte{1}
	if readable {
		_, _ = unix.Write(p.fd, one[:]) // cannot block: the counter is 0
	} else {
		_, _ = unix.Read(p.fd, one[:]) // resets the counter
	}
}

// Close closes the descriptor, if there is one.
func (p *PollFD) Close() {
	if p.made {
		Untrack(p.fd)
		_ = unix.Close(p.fd)
		*p = PollFD{}
	}
}
