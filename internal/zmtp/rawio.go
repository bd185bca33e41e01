package zmtp

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"github.com/hermes-zmq/hermes/internal/fds"
)

// maxVector is how many ranges one write takes along.
const maxVector = 64

// rawio reads and writes a connection without going through net.Conn for it, so
// that a write can be tried without waiting, many ranges go out in one call, and a
// reader needs no buffer while there is nothing to read. One goroutine may read and
// one may write at a time. Deadlines of the connection hold here as well.
type rawio struct {
	net.Conn
	raw syscall.RawConn
	fd  int // noted by own

	// Of a connection that has left Go's poller, see leavePoller.
	file  *os.File // what raw belongs to
	watch *watch   // waits for bytes to read

	mu       sync.Mutex
	deadline time.Time // the last that was set
	blocked  *watch    // waits until the connection can be written to

	in struct {
		ready func(fd uintptr) bool // what raw.Read calls
		room  func() []byte         // where to read to
		idle  func()                // nothing to read now
		n     int
		err   error
	}
	out struct {
		ready func(fd uintptr) bool // what raw.Write calls
		wait  bool
		vec   [maxVector]syscall.Iovec
		msg   syscall.Msghdr
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
	r := &rawio{Conn: nc, raw: raw}
	_ = raw.Control(r.own)
	r.in.ready, r.out.ready = r.readReady, r.writeReady
	r.out.msg.Iov = &r.out.vec[0]
	return r, nil
}

// own notes the descriptor of the connection, for a forked child.
func (r *rawio) own(fd uintptr) {
	r.fd = int(fd)
	fds.Track(r.fd)
}

// read waits for bytes and reads them to where room says; room is asked only when
// a read is due, and idle called before a wait. The end of the stream is io.EOF.
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
		room := r.in.room()
		// It cannot wait, so the scheduler need not know: telling it costs more than the
		// call, and wakes a thread of its own where nothing else goes on.
		n, _, errno := syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(&room[0])), uintptr(len(room)))
		switch errno {
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
			r.in.idle()
			if r.watch == nil {
				return false
			}
		}
		r.in.n, r.in.err = int(n), nil
		if errno != 0 {
			r.in.n, r.in.err = 0, errno
		}
		return true
	}
}

// write sends from the first count ranges of out.vec. With wait it waits until the
// kernel takes something; without, a full kernel is n = 0 and no error.
func (r *rawio) write(count int, wait bool) (int, error) {
	r.out.msg.Iovlen = uint64(count)
	r.out.wait = wait && r.watch == nil
	for {
		if err := r.raw.Write(r.out.ready); err != nil {
			return 0, err
		}
		if !wait || r.out.n > 0 || r.out.err != nil {
			return r.out.n, r.out.err
		}
		if err := r.awaitRoom(); err != nil {
			return 0, err
		}
	}
}

func (r *rawio) writeReady(fd uintptr) bool {
	for {
		n, _, errno := syscall.RawSyscall(syscall.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(&r.out.msg)),
			syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL)
		switch errno {
		case 0:
			r.out.n, r.out.err = int(n), nil
			return true
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
			r.out.n, r.out.err = 0, nil
			return !r.out.wait
		}
		r.out.n, r.out.err = 0, errno
		return true
	}
}

// setVector makes p the i-th range to write. p is not empty.
func (r *rawio) setVector(i int, p []byte) {
	r.out.vec[i].Base = &p[0]
	r.out.vec[i].SetLen(len(p))
}

// clearVector forgets the first count ranges, so that they keep no memory alive.
func (r *rawio) clearVector(count int) { clear(r.out.vec[:count]) }

// closeWrite tells the peer that nothing more will come.
func (r *rawio) closeWrite() {
	if c, ok := r.Conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite()
	}
}
