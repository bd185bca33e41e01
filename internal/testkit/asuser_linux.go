// On Linux a thread can run as another user than its process.

package testkit

import (
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// Stranger is a user and a group other than those of this process, if it may take on others;
// otherwise they are its own.
func Stranger() (uid, gid uint32) {
	if os.Geteuid() == 0 {
		return 54321, 54322
	}
	return uint32(os.Geteuid()), uint32(os.Getegid())
}

// AsUser runs f in a thread of its own that runs as another user: on Linux that is a property of a
// thread, and Go ends one whose goroutine has ended without unlocking it. The other threads stay as
// they are. f must not start goroutines that are to run as that user.
func AsUser(t testing.TB, uid, gid uint32, f func() error) error {
	t.Helper()
	failed := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		for _, step := range []func() unix.Errno{
			func() unix.Errno { return become(unix.SYS_SETGROUPS, 0, 0, 0) },
			func() unix.Errno { return become(unix.SYS_SETRESGID, gid, gid, gid) },
			func() unix.Errno { return become(unix.SYS_SETRESUID, uid, uid, uid) },
		} {
			if errno := step(); errno != 0 && os.Geteuid() == 0 {
				failed <- errno
				return
			}
		}
		failed <- f()
	}()
	return Receive(t, failed, "the other user")
}

// become is a system call for this thread alone; those of package unix are for all of them.
func become(call uintptr, a, b, c uint32) unix.Errno {
	_, _, errno := unix.RawSyscall(call, uintptr(a), uintptr(b), uintptr(c))
	return errno
}
