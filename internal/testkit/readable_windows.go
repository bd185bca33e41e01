// On Windows WSAPoll tells whether a socket is readable.

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
