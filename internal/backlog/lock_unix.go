// On Unix a file is locked by flock(2).

//go:build unix

package backlog

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// tryLock locks a file, or says whether another open file has locked it.
func tryLock(f *os.File) (taken bool, err error) {
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EINTR) {
			return errors.Is(err, unix.EWOULDBLOCK), err
		}
	}
}
