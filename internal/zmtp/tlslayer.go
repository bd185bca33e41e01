package zmtp

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"sync/atomic"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/tlsconfig"
	"github.com/hermes-zmq/hermes/internal/tlsrecord"
)

// TLS stands below the greeting of ZMTP:
//
//	the end that has connected is the client; both shake hands (crypto/tls), blocking; the keys
//	are then tlsLayer's (package tlsrecord), and crypto/tls is done
//	greeting and handshake of ZMTP, over TLS, with the mechanism NULL, blocking (tlsStream)
//	from then on tlsReader decrypts what rawio reads, and tlsOutput encrypts what it writes
//
// In TLS 1.3 the client has finished before the server has seen its certificate. Where the server
// refuses that, the client reads so during the handshake of ZMTP.

// tlsLayer is the TLS of one connection. It is its protection as well.
type tlsLayer struct {
	identity tlsconfig.Identity // of the peer
	ofServer bool               // this end is the server

	// Of the goroutine that reads.
	records *recordConn // until the handshake of ZMTP has finished
	in      *tlsrecord.Opener
	plain   []byte // decrypted during the handshake of ZMTP, and not read
	hand    []byte // the beginning of a message of TLS that is not complete
	vain    int    // records since the last that had data
	ended   bool   // the peer has said that nothing more comes

	// Of the holder of the writing flag, once there is one; before, of the goroutine of the connection.
	out   *tlsrecord.Sealer
	wiped bool

	// What is to be sent besides data.
	answer atomic.Bool   // the peer has demanded new keys
	end    atomic.Uint32 // endDue or endSent
	failed atomic.Uint32 // the alert with which it ends; 0 is that nothing more comes
}

// The states of tlsLayer.end.
const (
	endDue = iota + 1
	endSent
)

// alertUnexpected is the alert "unexpected message", not encrypted, for a peer that does not
// speak TLS: one of ours recognizes it (checkGreeting).
var alertUnexpected = []byte{recordAlert, 3, 3, 0, 2, 2, 10}

// newTLSLayer is the TLS of a connection before its handshake, for which budget bytes may be read.
// first is what has been read already.
func newTLSLayer(nc net.Conn, budget int, first []byte) *tlsLayer {
	return &tlsLayer{records: &recordConn{Conn: nc, budget: budget, in: first}}
}

// shakeHands runs the handshake of TLS, and takes the keys over.
func (t *tlsLayer) shakeHands(ofServer bool, cfg *tls.Config) error {
	var secrets tlsrecord.Secrets
	cfg = cfg.Clone()
	cfg.KeyLogWriter = &secrets
	makeEnd := tls.Client
	if ofServer {
		makeEnd = tls.Server
	}
	end := makeEnd(t.records, cfg)
	if err := end.Handshake(); err != nil {
		return err
	}
	state := end.ConnectionState()
	t.identity, t.ofServer = tlsconfig.IdentityOf(state), ofServer
	t.records.budget += tlsrecord.MaxSize // what ends the handshake of ZMTP may stand in a record with more
	var err error
	t.in, t.out, err = secrets.Take(state.CipherSuite, ofServer)
	return err
}

// startTLS shakes hands. From then on the handshake of ZMTP goes over TLS.
func (h *handshake) startTLS() error {
	c := h.c
	var first []byte
	var cfg *tls.Config
	if c.bound {
		var err error
		if first, err = h.awaitHello(); err != nil {
			return err
		}
		cfg = c.s.cfg.TLS.Server()
	} else {
		cfg = c.s.cfg.TLS.Client(c.host)
	}
	layer := newTLSLayer(c.io.Conn, c.s.cfg.Limits.HandshakeBytes, first)
	if err := layer.shakeHands(c.bound, cfg); err != nil {
		if carrier.CauseOf(err) != carrier.CauseLeft && !errors.Is(err, os.ErrDeadlineExceeded) {
			h.letRead() // the alert
		}
		return tlsFault(c, err)
	}
	c.tls, h.stream = layer, tlsStream{c, layer}
	return nil
}

// awaitHello waits for the first bytes of a client, which it returns, and for its turn.
func (h *handshake) awaitHello() (first []byte, err error) {
	first = make([]byte, 0, 16)
	for len(first) < 2 {
		n, err := h.c.io.Conn.Read(first[len(first):cap(first)])
		first = first[:len(first)+n]
		if n == 0 && err != nil {
			if len(first) == 0 && carrier.CauseOf(err) == carrier.CauseLeft {
				return nil, errProbe
			}
			return nil, err
		}
	}
	if !isTLS(first) {
		_, _ = h.c.io.Write(alertUnexpected)
		h.letRead()
		return nil, &carrier.Fault{Cause: carrier.CauseAuth, Text: "the peer does not speak TLS, and this address demands it: it has to connect to tls://..."}
	}
	if err := h.c.s.guard.enter(); err != nil {
		return nil, err
	}
	h.counted = true
	for range turnsOfTLS {
		if err := h.c.s.guard.pace(); err != nil {
			return nil, err
		}
	}
	return first, nil
}
