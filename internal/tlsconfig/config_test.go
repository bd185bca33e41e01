package tlsconfig

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/testkit"
)

// lookAgain lets the next use read the files, however shortly after the last.
func (c *Config) lookAgain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read = time.Time{}
}

func shown(t *testing.T, c *Config) string {
	t.Helper()
	leaf, err := x509.ParseCertificate(c.Server().Certificates[0].Certificate[0])
	require.NoError(t, err)
	return Fingerprint(leaf)
}

func TestFilesAreReadAgainWhenTheyHaveChanged(t *testing.T) {
	a := testkit.NewAuthority(t)
	first := a.Issue("end")
	var reports []error
	c, err := New(Settings{Cert: a.Cert("end"), Key: a.Key("end"), CA: a.File}, func(err error) { reports = append(reports, err) })
	require.NoError(t, err)
	before := c.Server()
	require.Same(t, before, c.Server())
	c.lookAgain()
	require.Same(t, before, c.Server(), "nothing has changed")

	second := a.Issue("end")
	require.Equal(t, Fingerprint(first), shown(t, c), "not read again within a second")
	c.lookAgain()
	require.Equal(t, Fingerprint(second), shown(t, c))
	require.Empty(t, reports)

	require.NoError(t, os.WriteFile(a.Key("end"), []byte("bad"), 0o600))
	for range 3 {
		c.lookAgain()
		require.Equal(t, Fingerprint(second), shown(t, c), "it stays as it was")
	}
	require.Len(t, reports, 1, "once a minute at most")
	require.ErrorContains(t, reports[0], "has no private key")

	third := a.Issue("end")
	c.lookAgain()
	require.Equal(t, Fingerprint(third), shown(t, c))
}

func TestACertificateWithTheKeyOfAnotherKeepsBoth(t *testing.T) {
	a := testkit.NewAuthority(t)
	first := a.Issue("end")
	c, err := New(Settings{Cert: a.Cert("end"), Key: a.Key("end")}, nil)
	require.NoError(t, err)
	a.Issue("other")
	text, err := os.ReadFile(a.Cert("other"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(a.Cert("end"), text, 0o600)) // its key comes a moment later
	c.lookAgain()
	require.Equal(t, Fingerprint(first), shown(t, c))
}

func TestSettingsDecideWhichClientsAreAsked(t *testing.T) {
	a := testkit.NewAuthority(t)
	pin := Fingerprint(a.Issue("end"))
	for _, c := range []struct {
		set  Settings
		want tls.ClientAuthType
	}{
		{Settings{}, tls.NoClientCert},
		{Settings{Clients: Auto, CA: a.File}, tls.RequireAndVerifyClientCert},
		{Settings{Clients: Auto, CA: a.File, Pins: pin}, tls.RequireAndVerifyClientCert},
		{Settings{Clients: ByBoth, CA: a.File, Pins: pin}, tls.RequireAndVerifyClientCert},
		{Settings{Clients: ByCA, CA: a.File, Pins: pin}, tls.RequireAndVerifyClientCert},
		{Settings{Clients: Auto, Pins: pin}, tls.RequireAnyClientCert},
		{Settings{Clients: Any, CA: a.File}, tls.NoClientCert},
		{Settings{Clients: ByPin, CA: a.File, Pins: pin}, tls.RequireAnyClientCert},
	} {
		c.set.Cert, c.set.Key = a.Cert("end"), a.Key("end")
		cfg, err := New(c.set, nil)
		require.NoError(t, err)
		server := cfg.Server()
		require.Equal(t, c.want, server.ClientAuth, "%+v", c.set)
		require.Equal(t, uint16(tls.VersionTLS13), server.MinVersion)
		require.True(t, server.SessionTicketsDisabled)
	}
}

func TestTheNameOfAServerIsTheHostIfNoneIsSet(t *testing.T) {
	c, err := New(Settings{}, nil)
	require.NoError(t, err)
	require.Equal(t, "host", c.Client("host").ServerName)
	require.Nil(t, c.Server(), "there is no certificate")
	c, err = New(Settings{Name: "office"}, nil)
	require.NoError(t, err)
	require.Equal(t, "office", c.Client("host").ServerName)
}

func TestCAsComeFromADirectory(t *testing.T) {
	a, b := testkit.NewAuthority(t), testkit.NewAuthority(t)
	dir := t.TempDir()
	require.ErrorContains(t, CheckCA(dir), "no *.pem")
	for name, from := range map[string]string{"a.pem": a.File, "b.crt": b.File} {
		text, err := os.ReadFile(from)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "README"), []byte("not one"), 0o600))
	c, err := New(Settings{CA: dir}, nil)
	require.NoError(t, err)
	for _, each := range []*testkit.Authority{a, b} {
		_, err := each.Issue("end").Verify(x509.VerifyOptions{Roots: c.Client("h").RootCAs})
		require.NoError(t, err)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "c.pem"), []byte("bad"), 0o600))
	require.ErrorContains(t, CheckCA(dir), "c.pem has no certificate")
}
