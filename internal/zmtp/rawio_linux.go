// On Linux a write can be tried without blocking, and the reading can be leased (lease_linux.go).

//go:build linux && !posix && !portable

package zmtp

import (
	"io"
	"net"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hermes-zmq/hermes/internal/errno"
	"github.com/hermes-zmq/hermes/internal/fds"
	"github.com/hermes-zmq/hermes/internal/invariants"
)

// Reading and writing of a connection without net.Conn's own: a write can be tried
// without blocking, many ranges go out in one system call, and a reader needs no buffer
// while there is nothing to read.
//
// A connection whose reading can be leased leaves Go's poller (leavePoller). Then an
// epoll instance of its own, which is in Go's poller, waits in its place, and can be
// muted while a thread outside of Go waits for the connection itself (lease_linux.go).
//
//	                in Go's poller       after leavePoller
//	raw belongs to  Conn                 file
//	read blocks     in raw.Read          never: EAGAIN; the caller waits on readable
//	write blocks    in raw.Write         in awaitWritable, on an epoll instance made for it
//
// One goroutine reads and one writes at a time. mu guards deadline and writable, and in
// SetDeadline the choice of the object that has the deadline.

// pollSlice is how long pollWritable waits at most, in milliseconds: an end or a new
// deadline of the connection is noticed between two calls.
const pollSlice = 20

// rawio is the reading and writing of one connection: see rawio.go.
type rawio struct {
	net.Conn // closed after leavePoller, but for its addresses
	raw      syscall.RawConn
	fd       int // tracked for a forked child

	file     *os.File // after leavePoller
	readable *epoll   // after leavePoller: waits for bytes to read

	mu       invariants.Mutex
	deadline time.Time // the last that was set
	writable *epoll    // while awaitWritable waits

	in struct { // owned by the reader
		ready func(fd uintptr) bool // what raw.Read calls
		room  func() []byte         // where to read to
		idle  func()                // nothing to read now
		n     int
		err   error
	}
	out struct { // owned by the writer
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
	r := &rawio{Conn: nc, raw: raw, fd: -1}
	r.mu.Rank(lockFamily, rankRawio)
	_ = raw.Control(r.track)
	r.in.ready, r.out.ready = r.readReady, r.writeReady
	r.out.msg.Iov = &r.out.vec[0]
	return r, nil
}

// track notes the descriptor of the connection, for a forked child.
func (r *rawio) track(fd uintptr) {
	r.fd = int(fd)
	fds.Track(r.fd)
}

// SetDeadline is net.Conn's, for whatever waits.
func (r *rawio) SetDeadline(t time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.deadline = t
	if r.readable == nil {
		return r.Conn.SetDeadline(t)
	}
	if r.writable != nil {
		_ = r.writable.file.SetDeadline(t)
	}
	return r.readable.file.SetDeadline(t)
}

// Close is net.Conn's, and ends whatever waits. The socket is shut down first, so that
// the peer is told even where a forked process holds a copy of the descriptor.
func (r *rawio) Close() error {
	_ = r.raw.Control(func(fd uintptr) { shutdown(int(fd)) })
	fds.Untrack(r.fd)
	if r.readable != nil {
		_ = r.SetDeadline(longAgo) // ends awaitWritable, which does not notice the file's end
		_ = r.readable.file.Close()
		return r.file.Close()
	}
	return r.Conn.Close()
}

// read waits for bytes and reads them to where room points; room is called only when
// a read is due, and idle before a wait. The end of the stream is io.EOF. After
// leavePoller it does not wait: it returns EAGAIN.
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
		// The call cannot block, so the scheduler is not told: that costs more than the
		// call, and wakes a thread where nothing else runs.
		n, _, errno := syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(&room[0])), uintptr(len(room)))
		switch errno {
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
			r.in.idle()
			if r.readable == nil {
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
	r.out.wait = wait && r.readable == nil
	for {
		if err := r.raw.Write(r.out.ready); err != nil {
			return 0, err
		}
		if !wait || r.out.n > 0 || r.out.err != nil {
			return r.out.n, r.out.err
		}
		if err := r.awaitWritable(); err != nil {
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

// awaitWritable waits until a connection outside of Go's poller can be written to.
func (r *rawio) awaitWritable() error {
	var e *epoll
	var failed error
	if err := r.raw.Control(func(fd uintptr) { e, failed = newEpoll(int(fd), unix.EPOLLOUT) }); err != nil {
		return err
	}
	if errno.Exhausted(failed) {
		return r.pollWritable()
	}
	if failed != nil {
		return failed
	}
	r.setWritable(e)
	defer r.setWritable(nil)
	defer func() { _ = e.file.Close() }()
	second := false
	return e.wait(func() bool {
		was := second
		second = true
		return was
	})
}

func (r *rawio) setWritable(e *epoll) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.writable = e
	if e != nil {
		_ = e.file.SetDeadline(r.deadline)
	}
}

// pollWritable is awaitWritable where there is no descriptor for an epoll instance: it
// polls for pollSlice at most, and returns whether there is room or not, for the caller
// to try.
func (r *rawio) pollWritable() error {
	r.mu.Lock()
	deadline := r.deadline
	r.mu.Unlock()
	if !deadline.IsZero() && time.Now().After(deadline) {
		return os.ErrDeadlineExceeded
	}
	return r.raw.Control(func(fd uintptr) {
		_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, pollSlice)
	})
}

// writeNow writes p as far as the kernel takes it at once, deadlines notwithstanding.
func (r *rawio) writeNow(p []byte) {
	_ = r.raw.Control(func(fd uintptr) {
		_, _ = unix.SendmsgN(int(fd), p, nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	})
}

// setVector makes p the i-th range to write. p is not empty.
func (r *rawio) setVector(i int, p []byte) {
	r.out.vec[i].Base = &p[0]
	r.out.vec[i].SetLen(len(p))
}

// clearVector forgets the first count ranges, so that they keep no memory alive.
func (r *rawio) clearVector(count int) { clear(r.out.vec[:count]) }
