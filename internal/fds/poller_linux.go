// On Linux the epoll instance of Go's runtime has a descriptor, which a forked child inherits.

package fds

import (
	"bytes"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// goPoller is the epoll instance of Go's runtime, which is made by this call at the
// latest. It lives as long as the process.
func goPoller() (fd int, ok bool) {
	event, err := Raise(unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK))
	if err != nil {
		return -1, false
	}
	file := os.NewFile(uintptr(event), "eventfd") // not blocking, so it goes into the poller
	defer func() { _ = file.Close() }()
	return PollerOf(event)
}

// PollerOf is the epoll instance of this process that watches a descriptor.
func PollerOf(watched int) (fd int, ok bool) {
	all, err := os.ReadDir("/proc/self/fdinfo")
	if err != nil {
		return -1, false
	}
	want := fmt.Appendf(nil, "tfd: %8d ", watched)
	for _, each := range all {
		info, err := os.ReadFile("/proc/self/fdinfo/" + each.Name())
		if err != nil || !bytes.Contains(info, want) {
			continue
		}
		if fd, err = strconv.Atoi(each.Name()); err == nil {
			return fd, true
		}
	}
	return -1, false
}
