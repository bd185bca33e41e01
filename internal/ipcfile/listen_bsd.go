// On macOS and FreeBSD the umask decides on the mode of a socket file, until it is changed before
// listen(2); a descriptor cannot stand for such a file, so it is changed by its path. Programs that may write
// to its directory could put another file in its place meanwhile: it has to be one of trusted users.

//go:build darwin || freebsd

package ipcfile

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/fds"
)

func listen(path string, f carrier.SocketFile) (*net.UnixListener, error) {
	if abstract(path) {
		return nil, fmt.Errorf("%w: abstract addresses, as in ipc://@name, are Linux's own; write a path", carrier.ErrUnsupported)
	}
	fd, err := newSocket()
	if err != nil {
		return nil, err
	}
	socket := os.NewFile(uintptr(fd), "unix:"+path)
	defer func() { _ = socket.Close() }() // net.FileListener has a duplicate
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		return nil, os.NewSyscallError("bind", err)
	}
	made, _ := os.Lstat(path)
	if err = change(path, f); err == nil {
		err = os.NewSyscallError("listen", unix.Listen(fd, unix.SOMAXCONN))
	}
	var l net.Listener
	if err == nil {
		l, err = net.FileListener(socket)
	}
	if err != nil {
		removeMade(path, made)
		return nil, err
	}
	return l.(*net.UnixListener), nil
}

// newSocket makes a Unix socket that does not block, and that other programs do not inherit.
func newSocket() (int, error) {
	syscall.ForkLock.RLock() // macOS has no SOCK_CLOEXEC: a process that is started meanwhile would inherit it
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if fd, err = fds.Raise(fd, err); err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return -1, os.NewSyscallError("fcntl", err)
	}
	return fd, nil
}

// change sets the mode once the group is right, and before the owner is another one, who alone could
// set it then.
func change(path string, f carrier.SocketFile) error {
	if f.IsZero() {
		return nil
	}
	if info, err := os.Lstat(path); err != nil {
		return err
	} else if info.Mode()&os.ModeSocket == 0 {
		return errors.New("another program has replaced the socket file: choose a directory in which only trusted users may write")
	}
	if g := f.Group; g != nil {
		if err := os.Lchown(path, -1, int(g.ID)); err != nil {
			return fmt.Errorf("option ipc.group: cannot give the socket file to the group %s: %w; without privileges it has to be a group of the program's user", g, err)
		}
	}
	if f.Mode != nil {
		if err := unix.Fchmodat(unix.AT_FDCWD, path, uint32(f.Mode.Perm()), unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return fmt.Errorf("option ipc.mode: cannot set the mode of the socket file to %#o: %w", f.Mode.Perm(), err)
		}
	}
	if o := f.Owner; o != nil {
		if err := os.Lchown(path, int(o.ID), -1); err != nil {
			return fmt.Errorf("option ipc.owner: cannot give the socket file to the user %s: %w; that takes privileges: run the program as that user, or set ipc.group", o, err)
		}
	}
	return nil
}
