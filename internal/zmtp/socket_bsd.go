// On macOS and FreeBSD an option keeps a socket from raising SIGPIPE.

//go:build darwin || freebsd

package zmtp

import "golang.org/x/sys/unix"

// neverSignal makes a write to a connection that has ended an error, and no signal.
func neverSignal(fd int) { _ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_NOSIGPIPE, 1) }
