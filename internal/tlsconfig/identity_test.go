package tlsconfig

import (
	"crypto/tls"
	"crypto/x509"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/testkit"
)

func TestThereIsNoIdentityWithoutACertificate(t *testing.T) {
	require.Equal(t, Identity{}, IdentityOf(tls.ConnectionState{}))
	made := testkit.NewAuthority(t).Issue("desk", func(c *x509.Certificate) { c.EmailAddresses = []string{"desk@org"} })
	state := tls.ConnectionState{PeerCertificates: []*x509.Certificate{made}}
	require.Equal(t, Identity{Fingerprint: Fingerprint(made)}, IdentityOf(state), "no CA vouches for the names")
	state.VerifiedChains = [][]*x509.Certificate{{made}}
	require.Equal(t, Identity{Fingerprint(made), []string{"desk", "localhost", "desk@org"}}, IdentityOf(state), "each name once")
}
