package zmtp

import (
	"crypto/x509"
	"testing"

	"github.com/stretchr/testify/require"
)

// The names in a certificate that no CA has signed are any bytes.
func TestWhatIsWrongWithACertificateIsPrintable(t *testing.T) {
	c := &conn{s: &socket{}}
	wrong := x509.HostnameError{Certificate: &x509.Certificate{DNSNames: []string{"a\n\x1b[2J\xff"}}, Host: "office"}
	require.Contains(t, c.whyInvalid(wrong), `is not for the name "office"`)
	require.Contains(t, c.whyInvalid(wrong), "a??[2J\uFFFD")
}
