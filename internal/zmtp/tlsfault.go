package zmtp

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"reflect"
	"strings"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/tlsconfig"
)

// The beginning of a record of TLS (RFC 8446, 5.1): its type, then the major version.
const (
	recordAlert     = 0x15
	recordHandshake = 0x16
	recordMajor     = 3
)

// isTLS reports whether what a peer has sent, two bytes at least, is the beginning of TLS.
func isTLS(p []byte) bool {
	return (p[0] == recordHandshake || p[0] == recordAlert) && p[1] == recordMajor
}

// errTruncated is the end of a stream that the peer has not announced.
var errTruncated = &carrier.Fault{Cause: carrier.CauseLeft,
	Text: "the connection has ended without a word of the peer's (close_notify of TLS): its program was killed, or it was cut on its way"}

// tlsFault makes an error of crypto/tls one of this package.
func tlsFault(c *conn, err error) error {
	var fault *carrier.Fault
	var header tls.RecordHeaderError
	var invalid *tls.CertificateVerificationError
	var pin *tlsconfig.PinError
	var op *net.OpError
	switch {
	case err == nil, errors.As(err, &fault), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, io.EOF):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errTruncated
	case errors.As(err, &header):
		return &carrier.Fault{Cause: carrier.CauseAuth, Text: fmt.Sprintf("the peer does not speak TLS: it began with %q; tcp:// is for peers without TLS", header.RecordHeader[:])}
	case errors.As(err, &pin):
		return &carrier.Fault{Cause: carrier.CauseAuth, Text: fmt.Sprintf("the %s's %v", c.otherEnd(), pin)}
	case errors.As(err, &invalid):
		return &carrier.Fault{Cause: carrier.CauseAuth, Text: c.whyInvalid(invalid.Err)}
	case errors.As(err, &op) && op.Op == "remote error":
		return alertFault(c, op.Err)
	case errors.As(err, &op) && op.Op == "local error":
		return &carrier.Fault{Text: "what the peer has sent is no valid TLS, or was changed on its way: " + plain(op.Err)}
	case !strings.HasPrefix(err.Error(), "tls: "): // it may quote the peer
		return err
	case strings.Contains(err.Error(), "didn't provide a certificate"): // it has no type
		return &carrier.Fault{Cause: carrier.CauseAuth, Text: "the client has shown no certificate (option tls.cert there, tls.clients here)"}
	case strings.Contains(err.Error(), "unsupported versions"), strings.Contains(err.Error(), "unsupported protocol version"):
		return &carrier.Fault{Cause: carrier.CauseAuth, Text: "the peer does not speak TLS 1.3: " + plain(err)}
	}
	return &carrier.Fault{Text: "the handshake of TLS has failed: " + plain(err)}
}

// plain is the text of an error without the name of the package.
func plain(err error) string { return strings.TrimPrefix(err.Error(), "tls: ") }

// otherEnd is what the peer is in the handshake of TLS.
func (c *conn) otherEnd() string {
	if c.bound {
		return "client"
	}
	return "server"
}

// whyInvalid says why a certificate of the peer's was refused.
func (c *conn) whyInvalid(err error) string {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	which := "the " + c.otherEnd() + "'s certificate"
	text := printableReason([]byte(err.Error())) // names of the certificate are in it
	switch {
	case errors.As(err, &unknown) && c.s.cfg.TLS.HasCA():
		return which + " is not signed by a CA of tls.ca" + subject(unknown.Cert)
	case errors.As(err, &unknown):
		return which + " is not signed by a CA that this system knows (option tls.ca)" + subject(unknown.Cert)
	case errors.As(err, &name):
		return fmt.Sprintf("%s is not for the name %q (option tls.name): %s", which, name.Host, text)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Sprintf("%s has expired, or is not valid yet: it is valid from %s to %s", which, invalid.Cert.NotBefore.UTC().Format(day), invalid.Cert.NotAfter.UTC().Format(day))
	}
	return which + " is not valid: " + strings.TrimPrefix(text, "x509: ")
}

// day is how a date is written.
const day = "2006-01-02 15:04 MST"

// subject is the subject of a certificate, for the end of an error text.
func subject(c *x509.Certificate) string {
	if c == nil {
		return ""
	}
	return fmt.Sprintf(": %.200q, issued by %.200q", c.Subject, c.Issuer)
}

// Alerts that refuse a certificate (RFC 8446, 6.2), and what they say of it.
var certificateAlerts = map[uint64]string{
	42:  "it is not one that the peer knows, or it is bad",
	43:  "it is of a kind that the peer does not support",
	44:  "it was revoked",
	45:  "it has expired",
	46:  "the peer does not know it",
	48:  "it is signed by a CA that the peer does not know",
	49:  "it gives no access there",
	116: "there is none, and the peer demands one (option tls.cert)",
}

// Alerts that are about no certificate.
const (
	alertHandshakeFailure = 40
	alertProtocolVersion  = 70
	alertInternalError    = 80 // of ours: alertBusy
)

// alertFault is the error for an alert of the peer's.
func alertFault(c *conn, alert error) error {
	code := uint64(0) // crypto/tls has the number, in a type of its own
	if v := reflect.ValueOf(alert); v.Kind() == reflect.Uint8 {
		code = v.Uint()
	}
	why, known := certificateAlerts[code]
	switch {
	case known:
		return &carrier.Fault{Cause: carrier.CauseAccess, Text: "the peer does not accept this end's certificate: " + why}
	case code == alertHandshakeFailure || code == alertProtocolVersion:
		return &carrier.Fault{Cause: carrier.CauseSecurity, Text: "the peer does not speak TLS 1.3 as this end does: " + plain(alert)}
	}
	if code == alertInternalError {
		return &carrier.Fault{Text: "the peer has refused the handshake of TLS for now: it has too many of them (option limit.handshakes there), or has failed (alert internal error)"}
	}
	return &carrier.Fault{Text: "the peer has ended TLS: " + plain(alert)}
}
