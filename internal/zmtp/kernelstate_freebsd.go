// On FreeBSD requests of ioctl(2) tell how much is unsent and unread.

package zmtp

import "golang.org/x/sys/unix"

// Of sys/filio.h: _IOR('f', 119, int) and _IOR('f', 127, int).
const (
	fionwrite = 0x40046677
	fionread  = 0x4004667f
)

// queryKernel asks for the state of a socket.
func queryKernel(fd uintptr, _ bool) (k kernelState) {
	k.unsent, _ = unix.IoctlGetInt(int(fd), fionwrite)
	return k
}

// hasUnread reports whether the kernel has received bytes that have not been read.
func hasUnread(fd uintptr) bool {
	unread, _ := unix.IoctlGetInt(int(fd), fionread)
	return unread > 0
}
