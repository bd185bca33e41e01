package zmtp

import (
	"crypto/tls"
	"errors"
	"io"
	"os"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/tlsconfig"
)

// TLS stands below the greeting of ZMTP:
//
//	the end that has connected is the client; both shake hands (crypto/tls), blocking
//	greeting and handshake of ZMTP, over TLS, with the mechanism NULL, blocking
//	detach: from then on tlsReader and tlsOutput have TLS decrypt and encrypt what rawio
//	reads and writes
//
// In TLS 1.3 the client has finished before the server has seen its certificate. Where the server
// refuses that, the client reads so during the handshake of ZMTP.

// tlsLayer is the TLS of one connection. It is its protection as well.
type tlsLayer struct {
	*tls.Conn
	records  *recordConn
	identity tlsconfig.Identity // of the peer

	ended bool // the peer has said that nothing more comes; the reader's
}

// alertUnexpected is the alert "unexpected message", not encrypted, for a peer that does not
// speak TLS: one of ours recognizes it (checkGreeting).
var alertUnexpected = []byte{recordAlert, 3, 3, 0, 2, 2, 10}

// startTLS shakes hands. From then on the handshake of ZMTP goes over TLS.
func (h *handshake) startTLS() error {
	c := h.c
	records := &recordConn{Conn: c.io.Conn, budget: c.s.cfg.Limits.HandshakeBytes}
	layer := &tlsLayer{records: records}
	if c.bound {
		if err := h.awaitHello(records); err != nil {
			return err
		}
		layer.Conn = tls.Server(records, c.s.cfg.TLS.Server())
	} else {
		layer.Conn = tls.Client(records, c.s.cfg.TLS.Client(c.host))
	}
	if err := layer.Handshake(); err != nil {
		if carrier.CauseOf(err) != carrier.CauseLeft && !errors.Is(err, os.ErrDeadlineExceeded) {
			h.letRead() // the alert
		}
		return tlsFault(c, err)
	}
	layer.identity = tlsconfig.IdentityOf(layer.ConnectionState())
	c.tls, h.stream = layer, tlsStream{c, layer}
	return nil
}

// awaitHello waits for the first bytes of a client, and for its turn.
func (h *handshake) awaitHello(records *recordConn) error {
	first := make([]byte, 0, 16)
	for len(first) < 2 {
		n, err := h.c.io.Conn.Read(first[len(first):cap(first)])
		first = first[:len(first)+n]
		if n == 0 && err != nil {
			if len(first) == 0 && carrier.CauseOf(err) == carrier.CauseLeft {
				return errProbe
			}
			return err
		}
	}
	if !isTLS(first) {
		_, _ = h.c.io.Write(alertUnexpected)
		h.letRead()
		return &carrier.Fault{Cause: carrier.CauseAuth, Text: "the peer does not speak TLS, and this address demands it: it has to connect to tls://..."}
	}
	if err := h.c.s.guard.enter(); err != nil {
		return err
	}
	h.counted = true
	for range turnsOfTLS {
		if err := h.c.s.guard.pace(); err != nil {
			return err
		}
	}
	records.in = first
	return nil
}

// tlsStream is the connection during the handshake of ZMTP.
type tlsStream struct {
	c     *conn
	layer *tlsLayer
}

// Read implements io.Reader.
func (s tlsStream) Read(p []byte) (int, error) {
	n, err := s.layer.Read(p)
	if n > 0 {
		return n, nil
	}
	return 0, tlsFault(s.c, err)
}

// Write implements io.Writer.
func (s tlsStream) Write(p []byte) (int, error) {
	n, err := s.layer.Write(p)
	return n, tlsFault(s.c, err)
}

var _ io.ReadWriter = tlsStream{}

// CloseWrite tells the peer that nothing more comes.
func (s tlsStream) CloseWrite() error { return s.layer.CloseWrite() }
