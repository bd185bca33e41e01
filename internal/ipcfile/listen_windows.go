// On Windows the rights of the directory decide who may connect: a socket file has no mode, owner or group.

package ipcfile

import (
	"errors"
	"fmt"
	"net"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/errno"
)

func listen(path string, f carrier.SocketFile) (*net.UnixListener, error) {
	switch {
	case abstract(path):
		return nil, fmt.Errorf("%w: abstract addresses, as in ipc://@name, are Linux's own; write a path", carrier.ErrUnsupported)
	case !f.IsZero():
		return nil, fmt.Errorf("%w: the options ipc.mode, ipc.owner and ipc.group have no meaning on Windows: choose a directory with the rights that the socket is to have", carrier.ErrUnsupported)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if errors.Is(err, errno.EAFNOSUPPORT) {
		return nil, fmt.Errorf("%w: ipc takes Windows 10 of 1803 or newer: use tcp://127.0.0.1", carrier.ErrUnsupported)
	}
	if err == nil {
		l.SetUnlinkOnClose(false) // the caller removes the file
	}
	return l, err
}
