package ipcfile

import (
	"net"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

// Listen binds and listens at path, as Bind does for a carrier, with a file that is as f says. In
// the abstract name space there is no file, and f does not count.
func Listen(path string, f carrier.SocketFile) (l *net.UnixListener, err error) {
	err = Bind(path, func() error {
		l, err = listen(path, f)
		return err
	})
	return l, err
}
