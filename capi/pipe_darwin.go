package main

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// newPipe makes a pair of sockets and returns the library's end and the host's descriptor.
func newPipe() (*pipe, int, error) {
	syscall.ForkLock.RLock() // a child must not inherit them
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(ends[0])
		unix.CloseOnExec(ends[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, -1, err
	}
	for _, fd := range ends {
		if err == nil {
			err = unix.SetNonblock(fd, true)
		}
	}
	if err == nil {
		err = unix.SetsockoptInt(ends[0], unix.SOL_SOCKET, unix.SO_NOSIGPIPE, 1)
	}
	end := os.NewFile(uintptr(ends[0]), "pipe") // does not block, so reading it holds no thread
	p := &pipe{end: end, fd: ends[0]}
	if err == nil {
		p.raw, err = end.SyscallConn()
	}
	if err != nil {
		p.close()
		closeHostsEnd(ends[1])
		return nil, -1, err
	}
	return p, ends[1], nil
}

// close closes the library's end. It is called once.
func (p *pipe) close() { _ = p.end.Close() }

// sendByte writes a byte to the library's end, unless that would block.
func sendByte(fd uintptr) { _, _ = unix.Write(int(fd), []byte{0}) }

// closeHostsEnd closes the descriptor that newPipe has returned.
func closeHostsEnd(fd int) { _ = unix.Close(fd) }
