package zmtp

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/hermes-zmq/hermes/core/internal/carrier"
)

// listener is one bound address.
type listener struct {
	net.Listener
	endpoint string      // as a peer would write it, port resolved
	file     string      // the socket file to remove, or none
	made     os.FileInfo // that file as it was made, so that no other is removed
	dir      string      // a directory made for the file, or none
}

// listen binds.
func (a address) listen() (*listener, error) {
	var l *listener
	var err error
	if a.network == "tcp" {
		l, err = a.listenTCP()
	} else {
		l, err = a.listenIPC()
	}
	var unknown *net.DNSError
	switch {
	case err == nil:
		return l, nil
	case errors.As(err, &unknown), errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("%w: cannot bind %s: no such interface or address here", carrier.ErrAddress, a.text)
	}
	return nil, fmt.Errorf("cannot bind %s: %w", a.text, err)
}

func (a address) listenTCP() (*listener, error) {
	network, host, err := a.local()
	if err != nil {
		return nil, err
	}
	l, err := net.Listen(network, net.JoinHostPort(host, strconv.Itoa(a.port)))
	if err != nil {
		return nil, err
	}
	return &listener{Listener: l, endpoint: "tcp://" + l.Addr().String()}, nil
}

func (a address) listenIPC() (*listener, error) {
	path, dir := a.path, ""
	if path == "*" {
		var err error
		if dir, err = os.MkdirTemp("", "hermes-"); err != nil {
			return nil, err
		}
		path = filepath.Join(dir, "socket")
	}
	l, err := bindPath(path)
	if err != nil {
		if dir != "" {
			_ = os.Remove(dir)
		}
		return nil, err
	}
	bound := &listener{Listener: l, endpoint: "ipc://" + path, dir: dir}
	if !a.abstract() {
		l.SetUnlinkOnClose(false)
		bound.file = path
		bound.made, _ = os.Lstat(path)
	}
	return bound, nil
}

// bindPath binds a Unix socket. A socket file that a former run left behind is in
// the way of that; it is removed when nobody answers behind it.
func bindPath(path string) (*net.UnixListener, error) {
	name := &net.UnixAddr{Name: path, Net: "unix"}
	l, err := net.ListenUnix("unix", name)
	if !errors.Is(err, syscall.EADDRINUSE) || !stale(path) {
		return l, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return net.ListenUnix("unix", name)
}

// stale reports a socket file that nobody listens at.
func stale(path string) bool {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&os.ModeSocket == 0 {
		return false
	}
	c, err := net.Dial("unix", path)
	if err == nil {
		_ = c.Close()
		return false
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// Close stops listening and removes the socket file, unless another has taken its
// place meanwhile.
func (l *listener) Close() error {
	if l.file != "" {
		if now, err := os.Lstat(l.file); err == nil && l.made != nil && os.SameFile(now, l.made) {
			_ = os.Remove(l.file)
		}
		l.file = ""
	}
	if l.dir != "" {
		_ = os.Remove(l.dir)
	}
	return l.Listener.Close()
}
