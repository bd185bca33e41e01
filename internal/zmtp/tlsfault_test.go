package zmtp

import (
	"crypto/x509"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

// What a peer has sent may be quoted in errors that are not those of crypto/tls: it decides on no cause.
func TestWhatAPeerSaysIsNotTakenForAnErrorOfTLS(t *testing.T) {
	for _, said := range []string{"client didn't provide a certificate", "unsupported versions", "unsupported protocol version", "tls: refused"} {
		err := fmt.Errorf("malformed command %q", said)
		require.Same(t, err, tlsFault(&conn{}, err))
		var fault *carrier.Fault
		require.ErrorAs(t, tlsFault(&conn{}, errors.New("tls: "+said)), &fault)
	}
}

// The names in a certificate that no CA has signed are any bytes.
func TestWhatIsWrongWithACertificateIsPrintable(t *testing.T) {
	c := &conn{s: &socket{}}
	wrong := x509.HostnameError{Certificate: &x509.Certificate{DNSNames: []string{"a\n\x1b[2J\xff"}}, Host: "office"}
	require.Contains(t, c.whyInvalid(wrong), `is not for the name "office"`)
	require.Contains(t, c.whyInvalid(wrong), "a??[2J\uFFFD")
}
