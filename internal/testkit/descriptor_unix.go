// On Unix descriptors are numbers that poll(2) and write(2) take.

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

// Write writes to fd, as a thread outside of Go does.
func Write(t testing.TB, fd int, p []byte) {
	t.Helper()
	if _, err := unix.Write(fd, p); err != nil {
		t.Fatalf("write to descriptor %d: %v", fd, err)
	}
}

// ProcessorTime is the time on the processor that this process has used.
func ProcessorTime(t testing.TB) time.Duration {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
