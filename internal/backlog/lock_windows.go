// On Windows a file is locked by LockFileEx.

package backlog

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// tryLock locks a file, or says whether another open file has locked it.
func tryLock(f *os.File) (taken bool, err error) {
	const exclusive = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err = windows.LockFileEx(windows.Handle(f.Fd()), exclusive, 0, 1, 0, new(windows.Overlapped))
	return errors.Is(err, windows.ERROR_LOCK_VIOLATION), err
}
