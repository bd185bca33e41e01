// On Linux a timer of Go may be a millisecond late in an idle program, because epoll counts in milliseconds.

package clock

import (
	"time"

	"golang.org/x/sys/unix"
)

// Pause sleeps for d in the kernel, with a delay of about 50 µs. A signal may end it early.
func Pause(d time.Duration) {
	t := unix.NsecToTimespec(d.Nanoseconds())
	_ = unix.Nanosleep(&t, nil)
}
