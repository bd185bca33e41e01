package backlog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// lockDir takes the lock of a directory, for as long as the file is open. It excludes other
// queues of this process as well, because both flock and LockFileEx distinguish open files. The file stays: to
// remove it would let two processes lock two files of the same name.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("backlog %s: cannot open its lock: %w", dir, err)
	}
	taken, err := tryLock(f)
	if err == nil {
		return f, nil
	}
	_ = f.Close()
	if taken {
		return nil, fmt.Errorf("backlog %s: %w; give each post office a directory of its own", dir, ErrLocked)
	}
	return nil, fmt.Errorf("backlog %s: cannot lock it: %w", dir, err)
}

// ErrLocked says that a directory has a queue already.
var ErrLocked = errors.New("another post office uses this directory")
