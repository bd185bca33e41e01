package main

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/hermes-zmq/hermes/internal/fds"
)

// newPipe makes a pair of sockets and returns the library's end and the host's descriptor.
func newPipe() (*pipe, int, error) {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, -1, err
	}
	for i, fd := range ends {
		if ends[i], err = fds.Raise(fd, nil); err != nil {
			_ = unix.Close(ends[1-i])
			return nil, -1, err
		}
	}
	fds.Track(ends[0])
	end := os.NewFile(uintptr(ends[0]), "pipe") // does not block, so reading it holds no thread
	p := &pipe{end: end, fd: ends[0]}
	if p.raw, err = end.SyscallConn(); err != nil {
		p.close()
		_ = unix.Close(ends[1])
		return nil, -1, err
	}
	return p, ends[1], nil
}

// close closes the library's end. It is called once.
func (p *pipe) close() {
	fds.Untrack(p.fd)
	_ = p.end.Close()
}

// sendByte writes a byte to the library's end, unless that would block.
func sendByte(fd uintptr) {
	_ = unix.Send(int(fd), []byte{0}, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
}

// closeHostsEnd closes the descriptor that newPipe has returned.
func closeHostsEnd(fd int) { _ = unix.Close(fd) }
