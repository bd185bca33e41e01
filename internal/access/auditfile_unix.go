// On Unix the audit log may be a pipe, which never holds up a component.

//go:build unix

package access

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/hermes-zmq/hermes/internal/fds"
)

// appendTo opens a file that only its owner can read: it says who does what.
func appendTo(path string) (*os.File, error) {
	// Not blocking: where there is a pipe that no program reads, opening it fails.
	fd, err := fds.Raise(unix.Open(path, unix.O_APPEND|unix.O_CREAT|unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0o600))
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// appendLine writes a line. Where a pipe is full, because its reader does not read, the line is lost: those that
// wait for l.mu hold locks of sockets. The caller holds mu.
func (l *auditLog) appendLine(line []byte) error {
	raw, err := l.file.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Write(func(fd uintptr) (done bool) {
		for n := 0; len(line) > 0 && failed == nil; line = line[n:] {
			if n, failed = unix.Write(int(fd), line); errors.Is(failed, unix.EINTR) {
				n, failed = 0, nil
			}
			n = max(n, 0)
		}
		return true
	})
	if failed != nil {
		return &os.PathError{Op: "write", Path: l.path, Err: failed}
	}
	return err
}
