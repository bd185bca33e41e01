// Unix numbers descriptors from 0, and assigns the lowest number that is free.

//go:build unix

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
		if got >= lowest { // the host has opened one meanwhile
			_ = unix.Close(got)
		}
	}
}

// Raise returns fd, or a duplicate above the standard streams if fd is one of them, which is
// then closed. Its arguments are the results of another call; an error is returned as it is.
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

// tries bounds how often OpenAboveStreams opens.
const tries = 3

// errStreams is the error of OpenAboveStreams.
var errStreams = errors.New("the standard streams are closed again and again")

// OpenAboveStreams runs open, which opens descriptors that cannot be moved. Should one have become a
// standard stream, because the host has closed that at this moment, it runs undo, and tries again.
func OpenAboveStreams(open func() error, undo func()) error {
	for range tries {
		Occupy()
		before := streams()
		if err := open(); err != nil {
			return err
		}
		if streams() == before {
			return nil
		}
		undo()
	}
	return errStreams
}

// streams are the inodes of the standard streams.
func streams() (inodes [lowest]uint64) {
	for fd := range lowest {
		inodes[fd] = inode(fd)
	}
	return inodes
}

// evictionTime bounds how long Evict waits.
const evictionTime = time.Second

// Evict shuts down a connection of libzmq, whose descriptor cannot be replaced, if it is one
// of the standard streams, and occupies the number when libzmq has closed it. libzmq sees the
// end of a connection, and one of the two sides connects again.
func Evict(fd int) {
	is := inode(fd)
	if fd >= lowest || is == 0 || unix.Shutdown(fd, unix.SHUT_RDWR) != nil {
		return
	}
	for began := time.Now(); inode(fd) == is && time.Since(began) < evictionTime; {
		time.Sleep(time.Millisecond)
	}
	Occupy()
}

// inode is the inode of an open descriptor, and 0 of any other.
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

// raise replaces an object of package net by another one of the same socket.
func raise[T socket](s T, remake func(*os.File) (T, error)) (T, error) {
	conn, ok := any(s).(syscall.Conn)
	if !ok {
		return s, nil
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return s, nil // it has been closed; its next use reports that
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

// Describe is the text of err, with the limit that has been reached where that is known.
func Describe(err error) string {
	var limit unix.Rlimit
	if errors.Is(err, syscall.EMFILE) && unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil {
		return fmt.Sprintf("%v (the limit on open files, ulimit -n, is %d)", err, limit.Cur)
	}
	return err.Error()
}
