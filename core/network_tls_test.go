package core

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/testkit"
	"github.com/hermes-zmq/hermes/internal/tlsconfig"
)

// tlsOf are the options of an end with a certificate of an authority, which demands one.
func tlsOf(a *testkit.Authority, name string, more ...string) []string {
	a.Issue(name)
	return append(append(certified(a, name, "tls.ca", a.File), quickly...), more...)
}

// certified are the options of an end that shows a certificate of an authority.
func certified(a *testkit.Authority, name string, more ...string) []string {
	return append([]string{"tls.cert", a.Cert(name), "tls.key", a.Key(name)}, more...)
}

// newOfficeAt is a post office at these addresses.
func newOfficeAt(t testing.TB, in, out string, pairs ...string) *PostOffice {
	t.Helper()
	po, err := NewPostOffice(in, out, "")
	require.NoError(t, err)
	set(t, po, pairs...)
	require.NoError(t, po.Start())
	t.Cleanup(func() { _ = po.Close() })
	return po
}

const anyTLS = "tls://127.0.0.1:*"

func TestAClusterWithTLSRelays(t *testing.T) {
	a := testkit.NewAuthority(t)
	po := newOfficeAt(t, anyTLS, anyTLS+",tcp://127.0.0.1:*", tlsOf(a, "office")...)
	out, plain, _ := strings.Cut(get(t, po, "endpoint.out"), ",")
	require.True(t, strings.HasPrefix(out, "tls://127.0.0.1:"), out)
	r := newReceiver(t, "auto", out, tlsOf(a, "rec")...)
	beside := newReceiver(t, "auto", plain)
	p := newPublisher(t, "auto", get(t, po, "endpoint.in"), tlsOf(a, "pub")...)
	require.NoError(t, r.WaitReady(soon))
	require.NoError(t, beside.WaitReady(soon))
	// Ready is connected; and one subscription is enough for the publisher to start.
	require.Eventually(t, func() bool { return subscribed(po.Stats()) == 2 }, soon, time.Millisecond)
	for range 100 {
		require.NoError(t, p.Publish("topic", "", []byte(`"secret"`)))
	}
	for _, r := range []*Receiver{r, beside} {
		for range 100 {
			e, err := r.Recv(soon)
			require.NoError(t, err)
			require.Equal(t, `"secret"`, string(e.Data))
		}
	}
	require.True(t, strings.HasPrefix(po.Stats().Publishers[0].Key, "sha256:"))
	require.NoError(t, p.Stop(soon))
}

func TestPostOfficesAreConnectedWithTLS(t *testing.T) {
	a := testkit.NewAuthority(t)
	upstream := newOfficeAt(t, anyTLS, anyTLS, tlsOf(a, "upstream")...)
	po := newOfficeAt(t, ">"+get(t, upstream, "endpoint.out"), anyTLS, tlsOf(a, "office")...)
	r := newReceiver(t, "zmtp", get(t, po, "endpoint.out"), tlsOf(a, "rec")...)
	p := newPublisher(t, "zmtp", get(t, upstream, "endpoint.in"), tlsOf(a, "pub")...)
	require.NoError(t, r.WaitReady(soon))
	require.NoError(t, p.Publish("topic", "", []byte("1")))
	_, err := r.Recv(soon)
	require.NoError(t, err)
}

func TestWaitingForAPeerThatTLSRefusesFailsAtOnce(t *testing.T) {
	a, other := testkit.NewAuthority(t), testkit.NewAuthority(t)
	other.Issue("stranger")
	po := newOfficeAt(t, anyTLS, anyTLS, tlsOf(a, "office")...)
	plain := newOfficeAt(t, "tcp://127.0.0.1:*", "tcp://127.0.0.1:*")
	out := get(t, po, "endpoint.out")
	_, host, _ := strings.Cut(out, "://")
	_, plainHost, _ := strings.Cut(get(t, plain, "endpoint.out"), "://")
	for name, c := range map[string]struct {
		address string
		options []string
		code    Code
		says    []string
	}{
		"unknown client": {out, certified(other, "stranger", "tls.ca", a.File), EACCES,
			[]string{"refused by " + out, "signed by a CA that the peer does not know", "check tls.cert here"}},
		"no certificate": {out, []string{"tls.ca", a.File}, EACCES, []string{"the peer demands one (option tls.cert)"}},
		"unknown server": {out, tlsOf(a, "rec", "tls.ca", other.File), EAUTH, []string{"the server's certificate is not signed by a CA of tls.ca", "check tls.ca"}},
		"other name":     {out, tlsOf(a, "rec", "tls.name", "office.test"), EAUTH, []string{`is not for the name "office.test"`}},
		"without TLS":    {"tcp://" + host, nil, EACCES, []string{"the peer speaks TLS", "write tls:// in place of tcp://"}},
		"plain server":   {"tls://" + plainHost, tlsOf(a, "rec"), EAUTH, []string{"the peer does not speak TLS"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReceiver(t, "zmtp", c.address, append(c.options, quickly...)...)
			began := time.Now()
			err := r.WaitReady(soon)
			code(t, c.code, err, c.says...)
			require.Less(t, time.Since(began), soon/2, "it does not wait to the end")
			p := newPublisher(t, "zmtp", c.address, append(c.options, quickly...)...)
			code(t, c.code, p.WaitReady(soon))
		})
	}
	require.Positive(t, po.Stats().Refused)
}

func TestTLSIsSetUpAsAWhole(t *testing.T) {
	a, other := testkit.NewAuthority(t), testkit.NewAuthority(t)
	a.Issue("office")
	other.Issue("other")
	for name, c := range map[string]struct {
		options []string
		says    string
	}{
		"nothing":            {nil, "set option tls.cert"},
		"key of another":     {[]string{"tls.cert", a.Cert("office"), "tls.key", other.Key("other")}, "private key does not match public key"},
		"no key":             {[]string{"tls.cert", a.Cert("office")}, "has no private key in PEM"},
		"clients without CA": {certified(a, "office", "tls.clients", "ca"), "tls.ca"},
		"clients, no pins":   {certified(a, "office", "tls.clients", "pins"), "tls.pins"},
		"key alone":          {[]string{"tls.key", a.Key("office"), "tls.cert", ""}, "tls.cert"},
	} {
		t.Run(name, func(t *testing.T) {
			po, err := NewPostOffice(anyTLS, anyTLS, "")
			require.NoError(t, err)
			set(t, po, c.options...)
			code(t, EOPTION, po.Start(), "post office", c.says)
			require.NoError(t, po.Close())
		})
	}
}

func TestAPrivateKeyIsNeverShown(t *testing.T) {
	a := testkit.NewAuthority(t)
	a.Issue("office")
	text, err := os.ReadFile(a.Key("office"))
	require.NoError(t, err)
	po, err := NewPostOffice(anyTLS, anyTLS, "")
	require.NoError(t, err)
	defer po.Close()
	inner := strings.Split(string(text), "\n")[1]
	for _, given := range []string{string(text), inner, "env:" + inner} {
		err = po.Set("tls.key", given)
		code(t, EOPTION, err, "tls.key", "env:")
		require.NotContains(t, err.Error(), inner)
	}
	t.Setenv("HERMES_TEST_TLS_KEY", string(text))
	set(t, po, "tls.cert", a.Cert("office"), "tls.key", "env:HERMES_TEST_TLS_KEY")
	require.Equal(t, "env:HERMES_TEST_TLS_KEY", get(t, po, "tls.key"))
	require.NoError(t, po.Start())
}

// A file of both is what many tools make.
func TestTheKeyMayBeInTheFileOfTheCertificate(t *testing.T) {
	a := testkit.NewAuthority(t)
	a.Issue("office")
	both := filepath.Join(t.TempDir(), "both.pem")
	cert, err := os.ReadFile(a.Cert("office"))
	require.NoError(t, err)
	key, err := os.ReadFile(a.Key("office"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(both, append(cert, key...), 0o600))
	newOfficeAt(t, anyTLS, anyTLS, "tls.cert", both)
}

func TestABadFileKeepsTheCertificateAndIsReportedOnce(t *testing.T) {
	a := testkit.NewAuthority(t)
	po := newOfficeAt(t, anyTLS, anyTLS, tlsOf(a, "office")...)
	client := tlsOf(a, "rec")
	require.NoError(t, os.WriteFile(a.Cert("office"), []byte("not a certificate"), 0o600))
	var kinds []string
	testkit.Eventually(t, func() bool {
		r := newReceiver(t, "zmtp", get(t, po, "endpoint.out"), client...)
		require.NoError(t, r.WaitReady(soon))
		require.NoError(t, r.Close())
		kinds = append(kinds, eventKinds(po)...)
		return strings.Contains(strings.Join(kinds, " "), "certificate_unreadable")
	}, "an event in %v", &kinds)
}

// eventKinds takes all events that there are.
func eventKinds(c Component) (kinds []string) {
	for {
		e, err := c.NextEvent(0)
		if err != nil {
			return kinds
		}
		kinds = append(kinds, e.Kind+"/"+e.Level)
	}
}

func TestACertificateThatExpiresIsReportedAtTheStart(t *testing.T) {
	a := testkit.NewAuthority(t)
	a.Issue("office", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(100 * time.Hour) })
	po := newOfficeAt(t, anyTLS, anyTLS, certified(a, "office")...)
	require.Contains(t, eventKinds(po), "certificate_expires/warning")
	fresh := newOfficeAt(t, anyTLS, anyTLS, tlsOf(a, "fresh")...)
	require.NotContains(t, eventKinds(fresh), "certificate_expires/warning")
}

func TestPinsAreFingerprints(t *testing.T) {
	a := testkit.NewAuthority(t)
	office, rec := a.Issue("office"), a.Issue("rec")
	po := newOfficeAt(t, anyTLS, anyTLS, certified(a, "office", "tls.pins", tlsconfig.Fingerprint(rec))...)
	r := newReceiver(t, "zmtp", get(t, po, "endpoint.out"),
		certified(a, "rec", "tls.pins", " "+strings.ToUpper(tlsconfig.Fingerprint(office))+" ")...)
	require.NoError(t, r.WaitReady(soon))
	code(t, EOPTION, func() error {
		r, err := NewReceiver("tls://127.0.0.1:1", "r")
		require.NoError(t, err)
		return r.Set("tls.pins", "sha256:12")
	}(), "64 hexadecimal digits")
}
