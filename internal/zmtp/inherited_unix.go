// On Unix a program can be started with sockets that listen already.

//go:build unix

package zmtp

import (
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/fds"
)

// Addresses fd://N and tls+fd://N: the socket with descriptor N listens already, because the program
// that started this one has made it (socket activation of systemd). A duplicate of the descriptor
// is used, so that a component can be stopped and started again at the same socket, which never
// stops listening meanwhile.

// listenGiven listens at a socket that was inherited.
func listenGiven(a endpoint) (*listener, error) {
	if err := checkGiven(a.FD); err != nil {
		return nil, fmt.Errorf("%w: %w", carrier.ErrAddress, err)
	}
	copied, err := unix.FcntlInt(uintptr(a.FD), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	file := os.NewFile(uintptr(copied), a.Text)
	l, err := net.FileListener(file)
	_ = file.Close() // FileListener has made one more
	if err == nil {
		l, err = fds.RaiseListener(l)
	}
	if err != nil {
		return nil, err
	}
	if unixListener, ok := l.(*net.UnixListener); ok {
		unixListener.SetUnlinkOnClose(false) // the file belongs to the program that has made it
	}
	return &listener{Listener: l, endpoint: givenEndpoint(l.Addr(), a.tls), tls: a.tls, given: true}, nil
}

// checkGiven reports why a descriptor is none of a socket that listens, or nil.
func checkGiven(fd int) error {
	listens, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	switch {
	case errors.Is(err, unix.EBADF):
		return fmt.Errorf("descriptor %d is not open: the program that starts this one has to pass a socket there", fd)
	case errors.Is(err, unix.ENOTSOCK):
		return fmt.Errorf("descriptor %d is no socket", fd)
	case err != nil:
		return os.NewSyscallError("getsockopt", err)
	}
	var known bool
	switch at, _ := unix.Getsockname(fd); at.(type) { // an error is that of a family that package unix does not know
	case *unix.SockaddrInet4, *unix.SockaddrInet6, *unix.SockaddrUnix:
		known = true
	}
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return os.NewSyscallError("getsockopt", err)
	}
	if !known || kind != unix.SOCK_STREAM {
		return fmt.Errorf("descriptor %d is no stream socket of TCP or Unix (in a socket unit of systemd: ListenStream=)", fd)
	}
	if listens == 0 {
		return fmt.Errorf("the socket with descriptor %d does not listen (in a socket unit of systemd: Accept=no)", fd)
	}
	return nil
}

// givenEndpoint is how peers write the address of a socket.
func givenEndpoint(at net.Addr, tls bool) string {
	if at.Network() == "unix" {
		// Package net writes an abstract name with '@' in front, as addresses do.
		return "ipc://" + at.String()
	}
	return transport(tls) + at.String()
}
