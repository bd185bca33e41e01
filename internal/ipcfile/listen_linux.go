// On Linux the mode of a socket file is right from the start.
//
// The umask decides on the mode that bind(2) gives a file, and belongs to the whole process. But on
// Linux a file gets no right that the socket itself does not have in fstat(2), and fchmod(2) changes
// that. So where there is to be a mode, the file is made without any right, and gets those that f says
// afterwards, before listen(2), until which connect(2) is refused. It is not enough to change it
// then: connect(2) may have looked at the mode before that, and see that the socket listens after it.

package ipcfile

import (
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/fds"
)

func listen(path string, f carrier.SocketFile) (*net.UnixListener, error) {
	fd, err := fds.Raise(unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0))
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	socket := os.NewFile(uintptr(fd), "unix:"+path)
	defer func() { _ = socket.Close() }() // net.FileListener has a duplicate
	if f.Mode != nil && !abstract(path) {
		if err := unix.Fchmod(fd, 0); err != nil {
			return nil, os.NewSyscallError("fchmod", err)
		}
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		return nil, os.NewSyscallError("bind", err)
	}
	var made os.FileInfo
	if !abstract(path) {
		made, _ = os.Lstat(path)
		err = prepare(path, f)
	}
	if err == nil {
		err = os.NewSyscallError("listen", unix.Listen(fd, unix.SOMAXCONN)) // the kernel lowers it to its limit
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

// prepare makes the file of a socket that was bound as f says. Others may be allowed to write to its
// directory, so path is resolved once: they could have put another file in its place, which would
// then be changed with the rights of this process.
func prepare(path string, f carrier.SocketFile) error {
	if f.IsZero() {
		return nil
	}
	fd, err := unix.Open(path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer func() { _ = unix.Close(fd) }()
	var is unix.Stat_t
	switch err := unix.Fstat(fd, &is); {
	case err != nil:
		return &os.PathError{Op: "stat", Path: path, Err: err}
	case is.Mode&unix.S_IFMT != unix.S_IFSOCK || is.Nlink != 1:
		return errors.New("another program has replaced the socket file: choose a directory in which only trusted users may write")
	}
	return change(fd, f)
}

// change sets the mode once the group is right, and before the owner is another one, who alone could
// set it then.
func change(fd int, f carrier.SocketFile) error {
	if g := f.Group; g != nil {
		if err := unix.Fchownat(fd, "", -1, int(g.ID), unix.AT_EMPTY_PATH); err != nil {
			return fmt.Errorf("option ipc.group: cannot give the socket file to the group %s: %w; without privileges (CAP_CHOWN) it has to be a group of the program's user", g, err)
		}
	}
	if f.Mode != nil {
		// fchmod(2) refuses a descriptor of O_PATH; the file behind this name is the same.
		if err := unix.Chmod(fmt.Sprintf("/proc/self/fd/%d", fd), uint32(f.Mode.Perm())); err != nil {
			return fmt.Errorf("option ipc.mode: cannot set the mode of the socket file to %#o: %w", f.Mode.Perm(), err)
		}
	}
	if o := f.Owner; o != nil {
		if err := unix.Fchownat(fd, "", int(o.ID), -1, unix.AT_EMPTY_PATH); err != nil {
			return fmt.Errorf("option ipc.owner: cannot give the socket file to the user %s: %w; that takes privileges (CAP_CHOWN): run the program as that user, or set ipc.group", o, err)
		}
	}
	return nil
}
