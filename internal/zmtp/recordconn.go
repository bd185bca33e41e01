package zmtp

import (
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
)

// recordConn is the connection that crypto/tls sees: between it and rawio, which reads and writes
// in its own way. Until detach it is the socket, and blocks. Then it is two buffers:
//
//	Read    takes from in, what rawio has read; where that is used up it fails with errUsedUp,
//	        after which crypto/tls goes on later, in the middle of a record as well
//	Write   appends to out, so that many records go out in one system call
//
// The reading goroutine writes as well: the answer to a KeyUpdate, and alerts. Records are in out in
// the order in which they were encrypted, because crypto/tls holds a lock of its own meanwhile.
type recordConn struct {
	net.Conn // until detach

	detached bool   // constant afterwards
	in       []byte // the reader's
	budget   int    // of bytes to be read until detach

	mu       sync.Mutex
	out      *batch.Batch // nil: empty
	overflow bool
}

// maxOwed bounds out, in bytes. It is far above what is encrypted at once, together with the answers
// to a correct peer.
const maxOwed = 4 * sealBytes

// usedUp is a net.Error that is temporary. crypto/tls keeps no such error.
type usedUp struct{}

func (usedUp) Error() string   { return "nothing more has been read" }
func (usedUp) Timeout() bool   { return true }
func (usedUp) Temporary() bool { return true }

var (
	errUsedUp net.Error = usedUp{}
	errOwed             = &carrier.Fault{Text: "the peer demands new keys again and again, and does not read the answers"}
)

// detach ends the blocking phase. The socket is not used any more.
func (r *recordConn) detach() { r.detached = true }

// Read implements net.Conn.
func (r *recordConn) Read(p []byte) (n int, err error) {
	switch {
	case len(r.in) > 0:
		n = copy(p, r.in)
		r.in = r.in[n:]
		return n, nil
	case r.detached:
		return 0, errUsedUp
	case r.budget <= 0:
		return 0, fmt.Errorf("the handshake of TLS has too many bytes (option limit.handshake.bytes)")
	}
	n, err = r.Conn.Read(p)
	r.budget -= n
	return n, err
}

// Write implements net.Conn.
func (r *recordConn) Write(p []byte) (int, error) {
	if !r.detached {
		return r.Conn.Write(p)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.out == nil {
		r.out = batch.Get()
	}
	if len(r.out.Buf)+len(p) > maxOwed {
		r.overflow = true
		return 0, errOwed
	}
	r.out.Grow(len(p))
	r.out.Buf = append(r.out.Buf, p...)
	return len(p), nil
}

// take gives what was written, which belongs to the caller; nil if that is nothing.
func (r *recordConn) take() (out *batch.Batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	out, r.out = r.out, nil
	return out
}

// owes reports whether take has something to give, and whether there is too much.
func (r *recordConn) owes() (some, overflow bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.out != nil, r.overflow
}

// Close implements net.Conn: the connection is closed elsewhere.
func (r *recordConn) Close() error { return nil }

// SetDeadline, SetReadDeadline and SetWriteDeadline implement net.Conn: deadlines are rawio's.
func (r *recordConn) SetDeadline(time.Time) error      { return nil }
func (r *recordConn) SetReadDeadline(time.Time) error  { return nil }
func (r *recordConn) SetWriteDeadline(time.Time) error { return nil }
