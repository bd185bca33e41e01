package zmtp

import (
	"encoding/binary"
	"errors"
	"io"
	"net"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/tlsrecord"
)

// recordConn reads the socket of a connection during the handshakes of TLS and of ZMTP, record by
// record: crypto/tls never gets more than the records of its handshake, so what comes behind them can be
// decrypted elsewhere. Writing and deadlines are the socket's. The goroutine of the connection uses it.
type recordConn struct {
	net.Conn

	in     []byte // has been read, and not been used
	rest   int    // bytes of the current record that crypto/tls has not read
	budget int    // of bytes to be read
}

var errHandshakeBytes = errors.New("the handshakes of TLS and ZMTP have too many bytes (option limit.handshake.bytes)")

// Read implements net.Conn, for crypto/tls.
func (r *recordConn) Read(p []byte) (int, error) {
	if r.rest == 0 {
		err := r.fill(tlsrecord.HeaderSize)
		switch {
		case err == nil:
			r.rest = tlsrecord.HeaderSize + int(binary.BigEndian.Uint16(r.in[3:]))
		case len(r.in) > 0: // the beginning of a header, and nothing will follow
			r.rest = len(r.in)
		default:
			return 0, err
		}
	}
	if err := r.fill(1); err != nil {
		return 0, err
	}
	n := copy(p, r.in[:min(r.rest, len(r.in))])
	r.in = r.in[n:]
	r.rest -= n
	return n, nil
}

// Of a ClientHello (RFC 8446, 4.1.2). crypto/tls accepts none that is bigger than helloMost.
const (
	messageHello = 1
	helloMost    = 64 << 10
)

var (
	errNoTLS = &carrier.Fault{Cause: carrier.CauseAuth, Text: "the peer does not speak TLS, and this address demands it: it has to connect to tls://..."}
	errHello = &carrier.Fault{Text: "what the peer has sent is no valid TLS: it does not begin with a ClientHello"}
)

// awaitHello waits until a ClientHello has arrived as a whole, as records of any sizes, so that the
// handshake goes on at once. A peer that sends anything else costs nothing more.
func (r *recordConn) awaitHello() error {
	if err := r.fill(2); err != nil {
		return err
	}
	if !isTLS(r.in) {
		return errNoTLS
	}
	var begun []byte // of the message: its header, at most
	for at, come := 0, 0; ; {
		if err := r.fill(at + tlsrecord.HeaderSize); err != nil {
			return err
		}
		size := int(binary.BigEndian.Uint16(r.in[at+3:]))
		if r.in[at] != recordHandshake || size == 0 || size > tlsrecord.MaxContent {
			return errHello
		}
		at += tlsrecord.HeaderSize
		if err := r.fill(at + size); err != nil {
			return err
		}
		begun = append(begun, r.in[at:at+min(size, messageHeader-len(begun))]...)
		at, come = at+size, come+size
		if begun[0] != messageHello {
			return errHello
		}
		if len(begun) < messageHeader {
			continue
		}
		whole := messageHeader + int(begun[1])<<16 + int(begun[2])<<8 + int(begun[3])
		if whole > helloMost {
			return errHello
		}
		if come >= whole {
			return nil
		}
	}
}

// record is the next record as a whole, for tlsLayer. It is valid until the next call.
func (r *recordConn) record() ([]byte, error) {
	for {
		record, err := tlsrecord.First(r.in)
		if record != nil || err != nil {
			r.in = r.in[len(record):]
			return record, err
		}
		err = r.fill(len(r.in) + 1)
		switch {
		case errors.Is(err, io.EOF) && len(r.in) > 0:
			return nil, io.ErrUnexpectedEOF
		case err != nil:
			return nil, err
		}
	}
}

// fill reads until there are n bytes.
func (r *recordConn) fill(n int) error {
	for len(r.in) < n {
		if r.budget <= 0 {
			return errHandshakeBytes
		}
		if len(r.in) == cap(r.in) {
			r.in = append(make([]byte, 0, max(readAtOnce, 2*len(r.in))), r.in...)
		}
		k, err := r.Conn.Read(r.in[len(r.in):min(cap(r.in), len(r.in)+r.budget)])
		r.in = r.in[:len(r.in)+k]
		r.budget -= k
		if err != nil && len(r.in) < n {
			return err
		}
	}
	return nil
}

// readAtOnce is how many bytes of a handshake are read at once, at most.
const readAtOnce = 2 << 10
