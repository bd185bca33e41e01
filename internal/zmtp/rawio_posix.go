// On macOS and FreeBSD a write can be tried without blocking, and connections stay in Go's poller.

//go:build darwin || freebsd || (linux && posix)

package zmtp

import (
	"io"
	"net"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hermes-zmq/hermes/internal/fds"
)

// rawio is the reading and writing of one connection: see rawio.go.
type rawio struct {
	net.Conn
	raw syscall.RawConn
	fd  int // tracked for a forked child

	in struct { // owned by the reader
		ready func(fd uintptr) bool // what raw.Read calls
		room  func() []byte
		idle  func()
		n     int
		err   error
	}
	out struct { // owned by the writer
		ready func(fd uintptr) bool // what raw.Write calls
		wait  bool
		vec   [maxVector][]byte
		count int
		n     int
		err   error
	}
}

func newRawio(nc net.Conn) (*rawio, error) {
	c, ok := nc.(syscall.Conn)
	if !ok {
		return nil, syscall.ENOTSOCK
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	r := &rawio{Conn: nc, raw: raw, fd: -1}
	_ = raw.Control(func(fd uintptr) {
		r.fd = int(fd)
		fds.Track(r.fd)
		neverSignal(r.fd)
	})
	r.in.ready, r.out.ready = r.readReady, r.writeReady
	return r, nil
}

// Close is net.Conn's. The socket is shut down first, so that the peer is told even where a
// forked process holds a copy of the descriptor.
func (r *rawio) Close() error {
	_ = r.raw.Control(func(fd uintptr) { shutdown(int(fd)) })
	fds.Untrack(r.fd)
	return r.Conn.Close()
}

// read waits for bytes and reads them to where room points; room is called only when
// a read is due, and idle before a wait. The end of the stream is io.EOF.
func (r *rawio) read(room func() []byte, idle func()) (int, error) {
	r.in.room, r.in.idle = room, idle
	if err := r.raw.Read(r.in.ready); err != nil {
		return 0, err
	}
	if r.in.err == nil && r.in.n == 0 {
		return 0, io.EOF
	}
	return r.in.n, r.in.err
}

func (r *rawio) readReady(fd uintptr) bool {
	for {
		n, err := unix.Read(int(fd), r.in.room())
		switch err {
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			r.in.idle()
			return false
		}
		r.in.n, r.in.err = max(n, 0), err
		return true
	}
}

// write sends from the first count ranges. With wait it waits until the kernel takes something;
// without, a full kernel is n = 0 and no error.
func (r *rawio) write(count int, wait bool) (int, error) {
	r.out.count, r.out.wait = count, wait
	if err := r.raw.Write(r.out.ready); err != nil {
		return 0, err
	}
	return r.out.n, r.out.err
}

func (r *rawio) writeReady(fd uintptr) bool {
	for {
		n, err := unix.SendmsgBuffers(int(fd), r.out.vec[:r.out.count], nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		switch err {
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			r.out.n, r.out.err = 0, nil
			return !r.out.wait
		}
		r.out.n, r.out.err = max(n, 0), err
		return true
	}
}

// writeNow writes p as far as the kernel takes it at once, deadlines notwithstanding.
func (r *rawio) writeNow(p []byte) {
	_ = r.raw.Control(func(fd uintptr) {
		_, _ = unix.SendmsgN(int(fd), p, nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	})
}

func (r *rawio) setVector(i int, p []byte) { r.out.vec[i] = p }

func (r *rawio) clearVector(count int) { clear(r.out.vec[:count]) }
