package tlsconfig

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/testkit"
)

func TestPinsAreFingerprintsOfPublicKeys(t *testing.T) {
	made := testkit.NewAuthority(t).Issue("end")
	der, err := x509.MarshalPKIXPublicKey(made.PublicKey)
	require.NoError(t, err)
	sum := sha256.Sum256(der)
	pin := Fingerprint(made)
	require.Equal(t, "sha256:"+hex.EncodeToString(sum[:]), pin)
	pins, err := ParsePins(" " + strings.ToUpper(pin) + ", ,")
	require.NoError(t, err)
	require.Equal(t, map[string]bool{pin: true}, pins)
	for _, bad := range []string{"sha256:", pin + "0", pin[:70], "md5:" + pin[7:], pin[7:], "sha256:" + strings.Repeat("x", 64)} {
		_, err := ParsePins(bad)
		require.ErrorContains(t, err, "64 hexadecimal digits", bad)
	}
}
