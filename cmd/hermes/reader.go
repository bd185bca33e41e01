package main

import (
	"errors"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// onReaderGone calls gone when the program at the other end of out, a pipe or a socket, has
// closed it: a write would fail then, but nothing is written while nothing arrives. The function
// that it returns ends the watch.
func onReaderGone(out io.Writer, gone func()) (end func()) {
	if o, ok := out.(*output); ok {
		out = o.to
	}
	file, ok := out.(*os.File)
	if !ok {
		return func() {}
	}
	stop, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return func() {} // no descriptor is left; the next write will fail
	}
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
	var once sync.Once
	return func() {
		once.Do(func() {
			_, _ = unix.Write(stop, []byte{1, 0, 0, 0, 0, 0, 0, 0})
			<-done
			_ = unix.Close(stop)
		})
	}
}

// readerGone waits until nothing reads what is written to fd, or until stop is readable.
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
