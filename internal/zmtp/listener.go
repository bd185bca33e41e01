package zmtp

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/hermes-zmq/hermes/internal/address"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/errno"
	"github.com/hermes-zmq/hermes/internal/fds"
	"github.com/hermes-zmq/hermes/internal/ipcfile"
)

// longestPause is how long a listener that lacks descriptors waits before it tries
// again.
const longestPause = 250 * time.Millisecond

// listener is one bound address.
type listener struct {
	net.Listener
	endpoint string      // as a peer would write it, port resolved
	tls      bool        // connections are TLS
	file     string      // the socket file to remove, or ""
	made     os.FileInfo // that file as it was made, so that no other is removed
	dir      string      // a directory made for the file, or ""
	given    bool        // another program has made the socket, and listens at it as well
	fd       int         // tracked for a forked child
}

// listen binds an address; file is for ipc.
func listen(a endpoint, file carrier.SocketFile) (*listener, error) {
	var l *listener
	var err error
	switch a.network {
	case "tcp":
		l, err = listenTCP(a)
	case "unix":
		l, err = listenIPC(a, file)
	case "inproc":
		l, err = listenInproc(a.Rest)
	default:
		l, err = listenGiven(a)
	}
	var unknown *net.DNSError
	switch {
	case err == nil:
		l.endpoint = address.Prefixed(l.endpoint, a.Plain)
		l.fd = control(l.Listener, fds.Track)
		return l, nil
	case errors.Is(err, carrier.ErrAddress):
		return nil, fmt.Errorf("cannot bind %s: %w", a.Text, err)
	case errors.As(err, &unknown), errors.Is(err, errno.EADDRNOTAVAIL), errors.Is(err, errno.EINVAL), errors.Is(err, errno.EAFNOSUPPORT):
		return nil, fmt.Errorf("%w: cannot bind %s: this machine has no such interface or address", carrier.ErrAddress, a.Text)
	}
	return nil, fmt.Errorf("cannot bind %s: %w", a.Text, err)
}

func listenTCP(a endpoint) (*listener, error) {
	network, host, err := a.local()
	if err != nil {
		return nil, err
	}
	l, err := net.Listen(network, net.JoinHostPort(host, strconv.Itoa(a.Port)))
	if err == nil {
		l, err = fds.RaiseListener(l)
	}
	if err != nil {
		return nil, err
	}
	return &listener{Listener: l, endpoint: transport(a.tls) + l.Addr().String(), tls: a.tls}, nil
}

func listenIPC(a endpoint, file carrier.SocketFile) (*listener, error) {
	path, dir := a.Path, ""
	if path == "*" {
		var err error
		if dir, err = makeDir(file); err != nil {
			return nil, err
		}
		path = filepath.Join(dir, "socket")
	}
	l, err := ipcfile.Listen(path, file)
	if err != nil {
		if dir != "" {
			_ = os.Remove(dir)
		}
		return nil, err
	}
	bound := &listener{endpoint: "ipc://" + path, dir: dir}
	if !a.Abstract() {
		bound.file = path
		bound.made, _ = os.Lstat(path)
	}
	if bound.Listener, err = fds.RaiseListener(l); err != nil {
		bound.removeFile()
		return nil, err
	}
	return bound, nil
}

// makeDir makes a directory for a socket file. Only this user gets through it, unless options say
// which users may: then the mode of the file decides.
func makeDir(file carrier.SocketFile) (dir string, err error) {
	if dir, err = os.MkdirTemp("", "hermes-"); err == nil && !file.IsZero() {
		err = os.Chmod(dir, 0o711)
	}
	return dir, err
}

// Close stops listening and removes the socket file, unless another has taken its
// place meanwhile. It shuts the socket down first, so that the address is free even
// where a forked process holds a copy of the descriptor. A socket that was given goes on
// listening: peers that come wait for the program that binds it next.
func (l *listener) Close() error {
	l.removeFile()
	if !l.given {
		control(l.Listener, shutdown)
	}
	fds.Untrack(l.fd)
	return l.Listener.Close()
}

// removeFile removes the file, and the directory that was made for it.
func (l *listener) removeFile() {
	if l.file != "" {
		ipcfile.Remove(l.file, l.made)
		l.file = ""
	}
	if l.dir != "" {
		_ = os.Remove(l.dir)
	}
}

// acceptAll accepts connections for a socket until the listener is closed. Where there
// is no descriptor for one, it waits in the kernel's queue until there is.
func (l *listener) acceptAll(s *socket) {
	pause := time.Millisecond
	for {
		nc, err := l.Accept()
		if err == nil {
			nc, err = fds.RaiseConn(nc)
		}
		if s.closed.Load() {
			if err == nil {
				_ = nc.Close()
			}
			return
		}
		if err == nil {
			pause = time.Millisecond
			s.shortage.resolve(l.endpoint)
			s.start(func() { _, _ = s.serve(nc, l.accepted(nc)) })
			s.guard.paceAccept()
			continue
		}
		s.shortage.report("cannot accept a connection", l.endpoint, err)
		select {
		case <-time.After(pause):
		case <-s.ctx.Done():
		}
		pause = min(2*pause, longestPause)
		if errno.Exhausted(err) && fds.Available() {
			s.shortage.resolve(l.endpoint)
		}
	}
}

// control calls f with the descriptor of a socket, and returns it; -1 where it is closed.
func control(s any, f func(fd int)) int {
	number := -1
	if c, ok := s.(syscall.Conn); ok {
		if raw, err := c.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) { number = int(fd); f(number) })
		}
	}
	return number
}
