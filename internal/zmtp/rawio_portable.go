// On Windows everything goes through net.Conn, whose calls wait: so only the writer goroutine writes.

//go:build windows || (linux && portable)

package zmtp

import (
	"net"
	"syscall"
	"time"

	"github.com/hermes-zmq/hermes/internal/errno"
	"github.com/hermes-zmq/hermes/internal/fds"
)

const (
	// idleRoom is how much a reader has room for while there may be nothing to read. What fills it is
	// followed by more as a rule, which is read to where it belongs.
	idleRoom = 4 << 10
	// lastWord is how long writeNow may take.
	lastWord = 10 * time.Millisecond
	// piece is the most that one write waits for. Who takes less than a whole vector, and be it for a long
	// time, is slow and not stalled, which throttle.go tells by what has been written.
	piece = 64 << 10
)

// rawio is the reading and writing of one connection: see rawio.go.
type rawio struct {
	net.Conn
	raw syscall.RawConn

	in struct { // owned by the reader
		first []byte // where to read to while there may be nothing
		held  []byte // of first: what has been read, and not been given
		more  bool   // the last read has filled its room
	}
	out struct { // owned by the writer
		vec  [maxVector][]byte
		rest net.Buffers // of vec: what is still to be written
	}
}

func newRawio(nc net.Conn) (*rawio, error) {
	c, ok := nc.(syscall.Conn)
	if !ok {
		return nil, errno.ENOTSOCK
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	r := &rawio{Conn: nc, raw: raw}
	r.in.first = make([]byte, idleRoom)
	control(nc, fds.Track)
	return r, nil
}

// Close is net.Conn's.
func (r *rawio) Close() error {
	control(r.Conn, fds.Untrack)
	return r.Conn.Close()
}

// read waits for bytes and gives them where room points; room is called only when there is
// something for it, as a rule, and idle before a wait. The end of the stream is io.EOF.
func (r *rawio) read(room func() []byte, idle func()) (int, error) {
	if len(r.in.held) == 0 && !r.in.more {
		idle()
		n, err := r.Conn.Read(r.in.first)
		if n == 0 {
			return 0, err
		}
		r.in.held = r.in.first[:n]
	}
	to := room()
	if len(r.in.held) > 0 {
		n := copy(to, r.in.held)
		r.in.more = len(r.in.held) == idleRoom
		r.in.held = r.in.held[n:]
		return n, nil
	}
	n, err := r.Conn.Read(to)
	r.in.more = n == len(to)
	if n > 0 {
		return n, nil // the error comes again
	}
	return 0, err
}

// write sends a piece of the first count ranges if it may wait, and nothing otherwise.
func (r *rawio) write(count int, wait bool) (int, error) {
	if !wait {
		return 0, nil
	}
	r.out.rest = firstPiece(r.out.vec[:count]) // WriteTo shortens it
	n, err := r.out.rest.WriteTo(r.Conn)
	r.out.rest = nil
	if err != nil {
		return 0, err
	}
	return int(n), nil
}

// firstPiece is the beginning of some ranges, of which it shortens one where they are longer than a piece.
func firstPiece(ranges [][]byte) [][]byte {
	room := piece
	for i, p := range ranges {
		if len(p) >= room {
			ranges[i] = p[:room]
			return ranges[:i+1]
		}
		room -= len(p)
	}
	return ranges
}

// writeNow writes p within lastWord, deadlines notwithstanding: the connection is over.
func (r *rawio) writeNow(p []byte) {
	if r.SetWriteDeadline(time.Now().Add(lastWord)) == nil {
		_, _ = r.Conn.Write(p)
	}
}

func (r *rawio) setVector(i int, p []byte) { r.out.vec[i] = p }

func (r *rawio) clearVector(count int) { clear(r.out.vec[:count]) }
