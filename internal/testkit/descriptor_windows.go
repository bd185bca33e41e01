// On Windows the descriptors that event loops take are sockets.

package testkit

import (
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

var wsaPoll = windows.NewLazySystemDLL("ws2_32.dll").NewProc("WSAPoll")

// pollRDNORM is POLLRDNORM of winsock2.h: there is something to read.
const pollRDNORM = 0x100

// Readable waits until a socket is readable, for at most timeout, and reports whether it is.
func Readable(t testing.TB, fd int, timeout time.Duration) bool {
	t.Helper()
	p := struct {
		socket           uintptr
		events, returned int16
	}{uintptr(fd), pollRDNORM, 0}
	n, _, err := wsaPoll.Call(uintptr(unsafe.Pointer(&p)), 1, uintptr(timeout.Milliseconds()))
	if int32(n) < 0 {
		t.Fatalf("WSAPoll of socket %d: %v", fd, err)
	}
	return n > 0
}

// Write sends to a socket, as a thread outside of Go does.
func Write(t testing.TB, fd int, p []byte) {
	t.Helper()
	var sent uint32
	buffer := windows.WSABuf{Len: uint32(len(p)), Buf: &p[0]}
	if err := windows.WSASend(windows.Handle(fd), &buffer, 1, &sent, 0, nil, nil); err != nil {
		t.Fatalf("send to socket %d: %v", fd, err)
	}
}

// ProcessorTime is the time on the processor that this process has used.
func ProcessorTime(t testing.TB) time.Duration {
	t.Helper()
	var began, ended, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(windows.CurrentProcess(), &began, &ended, &kernel, &user); err != nil {
		t.Fatal(err)
	}
	ticks := func(t windows.Filetime) uint64 { return uint64(t.HighDateTime)<<32 | uint64(t.LowDateTime) }
	return 100 * time.Duration(ticks(kernel)+ticks(user))
}
