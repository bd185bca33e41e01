// On Unix poll(2) tells whether a descriptor is readable.

//go:build unix

package testkit

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Readable waits until fd is readable, for at most timeout, and reports whether it is.
func Readable(t testing.TB, fd int, timeout time.Duration) bool {
	t.Helper()
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for end := time.Now().Add(timeout); ; {
		left := max(time.Until(end), 0)
		n, err := unix.Poll(p, int((left+time.Millisecond-1)/time.Millisecond))
		switch {
		case err == unix.EINTR: // Go preempts goroutines with signals
			continue
		case err != nil:
			t.Fatalf("poll of descriptor %d: %v", fd, err)
		}
		return n > 0
	}
}
