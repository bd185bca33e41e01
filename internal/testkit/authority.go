package testkit

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Authority is a CA for a test. Its files are in Dir.
type Authority struct {
	t    testing.TB
	Dir  string
	File string // its own certificate, in PEM

	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

// NewAuthority makes a CA.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	a := &Authority{t: t, Dir: t.TempDir()}
	var err error
	a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.CreateCertificate(rand.Reader, authorityTemplate(), authorityTemplate(), &a.key.PublicKey, a.key)
	require.NoError(t, err)
	a.cert, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	a.File = filepath.Join(a.Dir, "ca.pem")
	a.write(a.File, "CERTIFICATE", der)
	return a
}

func authorityTemplate() *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(1000 * 24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
}

func (a *Authority) write(path, kind string, der []byte) {
	a.t.Helper()
	require.NoError(a.t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}

// Issue makes a certificate for a name, this machine and all changes, in the files that Cert and
// Key name, and replaces what is there.
func (a *Authority) Issue(name string, changes ...func(*x509.Certificate)) *x509.Certificate {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<60))
	require.NoError(a.t, err)
	c := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		DNSNames: []string{name, "localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(100 * 24 * time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, change := range changes {
		change(c)
	}
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, &key.PublicKey, a.key)
	require.NoError(a.t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(a.t, err)
	a.write(a.Cert(name), "CERTIFICATE", der)
	a.write(a.Key(name), "PRIVATE KEY", secret)
	made, err := x509.ParseCertificate(der)
	require.NoError(a.t, err)
	return made
}

// Cert is the file of the certificate for a name.
func (a *Authority) Cert(name string) string { return filepath.Join(a.Dir, name+".cert") }

// Key is the file of the key for a name.
func (a *Authority) Key(name string) string { return filepath.Join(a.Dir, name+".key") }

// Expired makes a certificate that is no longer valid.
func Expired(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }
