// On macOS the option SO_NWRITE tells how much is unsent.

package zmtp

import "golang.org/x/sys/unix"

// queryKernel asks for the state of a socket.
func queryKernel(fd uintptr, _ bool) (k kernelState) {
	k.unsent, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_NWRITE)
	return k
}

// hasUnread reports whether the kernel has received bytes that have not been read.
func hasUnread(fd uintptr) bool {
	unread, _ := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_NREAD)
	return unread > 0
}
