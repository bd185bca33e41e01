// Windows does not tell how much is unsent.

package zmtp

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// fionread is of winsock2.h: _IOR('f', 127, u_long).
const fionread = 0x4004667f

// queryKernel knows nothing.
func queryKernel(uintptr, bool) kernelState { return kernelState{} }

// hasUnread reports whether the system has received bytes that have not been read.
func hasUnread(fd uintptr) bool {
	var unread, size uint32
	err := windows.WSAIoctl(windows.Handle(fd), fionread, nil, 0, (*byte)(unsafe.Pointer(&unread)), uint32(unsafe.Sizeof(unread)), &size, nil, 0)
	return err == nil && unread > 0
}
