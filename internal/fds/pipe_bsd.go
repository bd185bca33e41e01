// What macOS and FreeBSD have in place of an eventfd.

//go:build darwin || freebsd

package fds

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// pipe makes a pipe above the standard streams, neither end of which blocks. Its writer is tracked.
func pipe() (reader, writer int, err error) {
	var ends [2]int
	syscall.ForkLock.RLock() // macOS has no pipe2: a process that is started meanwhile would inherit it
	err = unix.Pipe(ends[:])
	if err == nil {
		unix.CloseOnExec(ends[0])
		unix.CloseOnExec(ends[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return -1, -1, os.NewSyscallError("pipe", err)
	}
	for i, end := range ends {
		if err == nil {
			end, err = Raise(end, nil)
		}
		if err == nil {
			err = os.NewSyscallError("fcntl", unix.SetNonblock(end, true))
		}
		ends[i] = end
	}
	if err != nil {
		_ = unix.Close(ends[0])
		_ = unix.Close(ends[1])
		return -1, -1, err
	}
	Track(ends[1])
	return ends[0], ends[1], nil
}

// openAny opens a descriptor of no use.
func openAny() (int, error) { return unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0) }
