// On Unix a program can be started with sockets.

//go:build unix

package address

import "syscall"

// isUnixSocket reports whether a descriptor is a socket of the Unix domain.
func isUnixSocket(fd int) bool {
	at, err := syscall.Getsockname(fd)
	_, is := at.(*syscall.SockaddrUnix)
	return err == nil && is
}
