package zmtp

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"sync/atomic"
	"time"

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

// alertBusy is the alert "internal error", not encrypted, for a client whose handshake finds no place, or no turn.
var alertBusy = []byte{recordAlert, 3, 3, 0, 2, 2, alertInternalError}

// newTLSLayer is the TLS of a connection before its handshake, for which budget bytes may be read.
func newTLSLayer(nc net.Conn, budget int) *tlsLayer {
	return &tlsLayer{records: &recordConn{Conn: nc, budget: budget}}
}

// shakeHands runs the handshake of TLS, and takes the keys over.
func (t *tlsLayer) shakeHands(ofServer bool, cfg *tls.Config) error {
	var secrets tlsrecord.Secrets
	defer secrets.Wipe() // what is not taken
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
	layer := newTLSLayer(c.io.Conn, c.s.cfg.Limits.HandshakeBytes)
	var cfg *tls.Config
	if c.bound {
		if err := h.awaitClient(layer.records); err != nil {
			return err
		}
		cfg = c.s.cfg.TLS.Server()
	} else {
		cfg = c.s.cfg.TLS.Client(c.host)
	}
	if err := layer.shakeHands(c.bound, cfg); err != nil {
		if carrier.CauseOf(err) != carrier.CauseLeft && !errors.Is(err, os.ErrDeadlineExceeded) {
			h.letRead() // the alert
		}
		return tlsFault(c, err)
	}
	c.tls, h.stream = layer, tlsStream{c, layer}
	return nil
}

// awaitClient waits for a client to say all that it says first, for a place, and for its turn.
func (h *handshake) awaitClient(r *recordConn) error {
	switch err := r.awaitHello(); {
	case errors.Is(err, errNoTLS), errors.Is(err, errHello):
		h.alert(alertUnexpected)
		return err
	case err != nil && len(r.in) == 0 && carrier.CauseOf(err) == carrier.CauseLeft:
		return errProbe
	case err != nil:
		return err
	}
	guard := &h.c.s.guard
	var err error
	if h.place, err = guard.tls.enter(time.Now(), h.c.losePlace); err != nil {
		h.alert(alertBusy)
		return err
	}
	for range turnsOfTLS {
		if err := guard.pace(); err != nil {
			h.alert(alertBusy)
			return err
		}
	}
	h.place.await(time.Now())
	return nil
}

// alert writes an alert that is not encrypted, and lets the peer read it.
func (h *handshake) alert(p []byte) {
	_, _ = h.c.io.Write(p)
	h.letRead()
}
