// Where there is no epoll instance to put in place of a connection, no reading is leased: a thread that
// waits for an envelope is woken by Go, which takes a few microseconds more.

//go:build !linux || posix || portable

package zmtp

import "errors"

func (*rawio) leavePoller() error { return errors.ErrUnsupported }

func (*rawio) leasable() bool { return false }

func (*rawio) leaseFD() int { return -1 }

func (*rawio) awaitReadable(func() (over bool)) error { return errors.ErrUnsupported }

func (*rawio) mute() error { return errors.ErrUnsupported }

func (*rawio) unmute() error { return errors.ErrUnsupported }
