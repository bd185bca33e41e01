// What is set on sockets on Unix.

//go:build unix

package zmtp

import "golang.org/x/sys/unix"

// shutdown ends a socket for all processes that have it.
func shutdown(fd int) { _ = unix.Shutdown(fd, unix.SHUT_RDWR) }

// reuseAddress lets others that set it as well bind to the port of a connection.
func reuseAddress(fd int) { _ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) }
