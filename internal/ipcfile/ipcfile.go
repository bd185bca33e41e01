// Package ipcfile decides which process may bind a Unix socket at a path, and what its file is like.
//
// A socket file outlives the process that bound it, and has to be removed before another can
// bind there. Whether a program still listens at it can be found out only by connecting.
// Between that and the removal, or between another's bind and listen, two processes can each
// take the other's socket for a stale one: both would then believe that they have bound, and
// peers would reach only the later one. So every process of ours holds a lock while it
// connects, removes, binds and listens, and while it removes its own file at the end. The lock
// is flock(2) on the directory of the socket, and on Windows a mutex with the name of the directory:
// it leaves no file behind, and ends with the process that holds it. It excludes goroutines of one process as well. No other lock is taken
// while it is held.
package ipcfile

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/errno"
)

// longest is how long the lock is waited for. Processes of ours hold it for moments only; if
// a program holds it for longer, binding goes on without it, see bindUnlocked.
const longest = 5 * time.Second

// Bind calls bind, which binds and listens at path, while no other process of ours does. A
// file that a former process left there is removed first. Where a program listens at the
// path, or there is a file of another kind, the error is EADDRINUSE.
func Bind(path string, bind func() error) error {
	if abstract(path) {
		return bind()
	}
	unlock, err := lock(filepath.Dir(path))
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%w: the directory %s does not exist", carrier.ErrAddress, filepath.Dir(path))
	case err != nil:
		return bindUnlocked(path, bind, err)
	}
	defer unlock()
	if err := makeRoom(path); err != nil {
		return err
	}
	return bind()
}

// bindUnlocked binds without the lock, which is safe as long as no file has to be removed.
func bindUnlocked(path string, bind func() error, reason error) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%w: there is a file already, which may be one that is in use, as its directory cannot be locked (%w)", errno.EADDRINUSE, reason)
	}
	return bind()
}

// Remove removes the file of a socket that was bound, unless it is another file by now.
func Remove(path string, made os.FileInfo) {
	if abstract(path) || made == nil {
		return
	}
	if unlock, err := lock(filepath.Dir(path)); err == nil {
		defer unlock()
	}
	removeMade(path, made)
}

// removeMade is Remove for a caller that has the lock.
func removeMade(path string, made os.FileInfo) {
	if now, err := os.Lstat(path); err == nil && made != nil && os.SameFile(now, made) {
		_ = os.Remove(path)
	}
}

func abstract(path string) bool { return strings.HasPrefix(path, "@") }

// makeRoom removes a stale socket.
func makeRoom(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%w: %s is a directory", carrier.ErrAddress, path)
	case info.Mode()&os.ModeSocket == 0:
		return fmt.Errorf("%w: there is a file that is not a socket; it is not removed", errno.EADDRINUSE)
	}
	c, err := net.Dial("unix", path)
	switch {
	case err == nil:
		_ = c.Close()
		return errno.EADDRINUSE
	case errors.Is(err, errno.ECONNREFUSED):
		return os.Remove(path)
	case errors.Is(err, os.ErrNotExist): // it has gone meanwhile
		return nil
	}
	return fmt.Errorf("%w: whether a program listens there is unknown: %w", errno.EADDRINUSE, err)
}
