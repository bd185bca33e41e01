package tlsconfig

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
)

// Identity is who the peer of a connection is: what its certificate says, after it was checked.
type Identity struct {
	Fingerprint string   // of its public key; "" if it has shown no certificate
	Names       []string // common name, DNS names, URIs and mail addresses, each once; none if no CA vouches for them
}

// IdentityOf is the identity of the peer of a finished handshake.
func IdentityOf(state tls.ConnectionState) (id Identity) {
	if len(state.PeerCertificates) == 0 {
		return id
	}
	leaf := state.PeerCertificates[0]
	if id.Fingerprint = Fingerprint(leaf); len(state.VerifiedChains) > 0 {
		id.Names = names(leaf) // a certificate that no CA has signed can have any name
	}
	return id
}

func names(c *x509.Certificate) (all []string) {
	add := func(name string) {
		if name != "" && !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	add(c.Subject.CommonName)
	for _, name := range c.DNSNames {
		add(name)
	}
	for _, uri := range c.URIs {
		add(uri.String())
	}
	for _, mail := range c.EmailAddresses {
		add(mail)
	}
	return all
}
