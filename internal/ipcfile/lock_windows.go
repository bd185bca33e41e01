// On Windows a directory cannot be locked, so a mutex stands for it that has a name.

package ipcfile

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/windows"
)

// lock takes the lock of a directory. A mutex belongs to a thread, which the goroutine keeps until unlock.
func lock(dir string) (unlock func(), err error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, err
	}
	full, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	name, err := windows.UTF16PtrFromString(fmt.Sprintf(`Global\hermes-ipc-%x`, sha256.Sum256([]byte(strings.ToLower(full)))))
	if err != nil {
		return nil, err
	}
	mutex, err := windows.CreateMutex(nil, false, name)
	if err != nil && !errors.Is(err, windows.ERROR_ALREADY_EXISTS) {
		return nil, &os.PathError{Op: "lock", Path: dir, Err: err}
	}
	runtime.LockOSThread()
	switch event, err := windows.WaitForSingleObject(mutex, uint32(longest.Milliseconds())); {
	case event == windows.WAIT_OBJECT_0, event == windows.WAIT_ABANDONED: // of a process that has ended meanwhile
		return func() {
			_ = windows.ReleaseMutex(mutex)
			runtime.UnlockOSThread()
			_ = windows.CloseHandle(mutex)
		}, nil
	case err == nil:
		err = windows.WAIT_TIMEOUT
		fallthrough
	default:
		runtime.UnlockOSThread()
		_ = windows.CloseHandle(mutex)
		return nil, &os.PathError{Op: "lock", Path: dir, Err: err}
	}
}
