// Package fds keeps the descriptors of this library where they disturb nobody.
//
// Descriptors 0 to 2 are the standard streams, also where a host has closed them: a
// socket that came to lie there would be written to by the next printf. The kernel gives
// out the lowest that is free, so Occupy fills those that are closed with /dev/null, as
// Go's runtime does when it starts, Raise moves what came to lie there all the same, and
// Evict ends what cannot be moved.
package fds

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// lowest is the first descriptor that is no standard stream.
const lowest = 3

// Occupy opens /dev/null at those of 0 to 2 that are closed. Where there is no
// /dev/null they stay closed.
func Occupy() {
	for fd := range lowest {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); !errors.Is(err, unix.EBADF) {
			continue
		}
		got, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			return
		}
		if got >= lowest { // the host was quicker
			_ = unix.Close(got)
		}
	}
}

// Raise gives a descriptor above the standard streams in place of fd, which is closed
// where it was one of them, also on an error. It takes what another call gave, so that
// the two can be written as one.
func Raise(fd int, err error) (int, error) {
	if err != nil || fd >= lowest {
		return fd, err
	}
	high, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, lowest)
	_ = unix.Close(fd)
	Occupy()
	if err != nil {
		return -1, os.NewSyscallError("fcntl", err)
	}
	return high, nil
}

// evictionTakes bounds how long Evict waits.
const evictionTakes = time.Second

// Evict ends a connection of a library that keeps its descriptors to itself, where it came
// to lie among the standard streams, and fills the place once it is closed. The library
// sees an end like any other, and one of the two sides connects again.
func Evict(fd int) {
	is := inode(fd)
	if fd >= lowest || is == 0 || unix.Shutdown(fd, unix.SHUT_RDWR) != nil {
		return
	}
	for began := time.Now(); inode(fd) == is && time.Since(began) < evictionTakes; {
		time.Sleep(time.Millisecond)
	}
	Occupy()
}

// inode tells what lies at a descriptor; 0 is nothing.
func inode(fd int) uint64 {
	var info unix.Stat_t
	if unix.Fstat(fd, &info) != nil {
		return 0
	}
	return info.Ino
}

// RaiseConn is Raise for a connection.
func RaiseConn(nc net.Conn) (net.Conn, error) {
	return raise(nc, func(f *os.File) (net.Conn, error) { return net.FileConn(f) })
}

// RaiseListener is Raise for a listener.
func RaiseListener(l net.Listener) (net.Listener, error) {
	return raise(l, func(f *os.File) (net.Listener, error) { return net.FileListener(f) })
}

type socket interface {
	comparable
	Close() error
}

// raise makes another object of the same socket, for net knows no other way.
func raise[T socket](s T, remake func(*os.File) (T, error)) (T, error) {
	conn, ok := any(s).(syscall.Conn)
	if !ok {
		return s, nil
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return s, nil // it has been closed, as its user will find out
	}
	var none T
	high := -1
	err = raw.Control(func(fd uintptr) {
		if fd < lowest {
			high, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, lowest)
		}
	})
	if err != nil || high < 0 {
		if err != nil {
			_ = s.Close()
			return none, os.NewSyscallError("fcntl", err)
		}
		return s, nil
	}
	Occupy() // remake duplicates it once more, to the lowest that is free
	file := os.NewFile(uintptr(high), "socket")
	again, err := remake(file)
	_ = file.Close()
	_ = s.Close()
	Occupy()
	return again, err
}

// Describe is what err says, with the limit that it stands for where that is known.
func Describe(err error) string {
	var limit unix.Rlimit
	if errors.Is(err, syscall.EMFILE) && unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil {
		return fmt.Sprintf("%v (the limit on open files, ulimit -n, is %d)", err, limit.Cur)
	}
	return err.Error()
}
