// On Unix poll(2) tells that nothing reads a pipe any more.

//go:build unix

package main

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// watchReader is onReaderGone for a file.
func watchReader(file *os.File, gone func()) (end func()) {
	var pipe [2]int
	syscall.ForkLock.RLock() // so that no process is started in between, which would inherit it
	err := unix.Pipe(pipe[:])
	if err == nil {
		unix.CloseOnExec(pipe[0])
		unix.CloseOnExec(pipe[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return func() {} // no descriptor is left; the next write will fail
	}
	stop, wake := pipe[0], pipe[1]
	fd := -1
	if raw, err := file.SyscallConn(); err == nil {
		_ = raw.Control(func(is uintptr) { fd = int(is) })
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if readerGone(fd, stop) {
			gone()
		}
	}()
	return func() {
		_ = unix.Close(wake)
		<-done
		_ = unix.Close(stop)
	}
}

// readerGone waits until nothing reads what is written to fd, or until the other end of stop is closed.
func readerGone(fd, stop int) bool {
	watched := []unix.PollFd{{Fd: int32(fd)}, {Fd: int32(stop), Events: unix.POLLIN}} // errors and hang-ups are always reported
	for {
		_, err := unix.Poll(watched, -1)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		return err == nil && watched[1].Revents == 0 && watched[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0
	}
}
