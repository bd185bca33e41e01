package zmtp

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/curve"
	"github.com/hermes-zmq/hermes/internal/testkit"
	"github.com/hermes-zmq/hermes/internal/tlsconfig"
	"github.com/hermes-zmq/hermes/internal/tlsrecord"
)

// withTLS is the option of certificates.
func withTLS(t testing.TB, s tlsconfig.Settings) option {
	t.Helper()
	cfg, err := tlsconfig.New(s, func(err error) { t.Log("reported:", err) })
	require.NoError(t, err)
	return func(c *carrier.Config) { c.TLS = cfg }
}

// certified is the settings of an end that has a certificate.
func certified(a *testkit.Authority, name string) tlsconfig.Settings {
	return tlsconfig.Settings{Cert: a.Cert(name), Key: a.Key(name)}
}

// mutual is the settings of an end that has a new certificate, and demands one of the same CA.
func mutual(a *testkit.Authority, name string) tlsconfig.Settings {
	a.Issue(name)
	s := certified(a, name)
	s.CA = a.File
	return s
}

// newTLSOutlet is an outlet that is bound, and newTLSInlet an inlet that connects to one. Both have a
// certificate, and demand one.
func newTLSOutlet(t testing.TB, a *testkit.Authority, options ...option) testOutlet {
	t.Helper()
	options = append([]option{bind("tls://127.0.0.1:*"), withTLS(t, mutual(a, "server"))}, options...)
	return newOutlet(t, carrier.Drop, 0, options...)
}

func newTLSInlet(t testing.TB, a *testkit.Authority, at string) testInlet {
	t.Helper()
	return newInlet(t, carrier.SUB, []string{""}, dial(at), withTLS(t, mutual(a, "client")))
}

// tlsPair is an outlet, bound, and an inlet whose reading can be leased, connected over TLS.
func tlsPair(t *testing.T) (testOutlet, testInlet) {
	t.Helper()
	a := testkit.NewAuthority(t)
	o := newOutlet(t, carrier.Wait, 100_000, bind("tls://127.0.0.1:*"), withTLS(t, mutual(a, "server")))
	i := newTLSInlet(t, a, o.address())
	i.eventLog.wait(t, carrier.Connected, 1)
	o.eventLog.wait(t, carrier.Subscribed, 1)
	return o, i
}

func TestConnectionsWithTLS(t *testing.T) {
	a := testkit.NewAuthority(t)
	server, client := withTLS(t, mutual(a, "server")), withTLS(t, mutual(a, "client"))
	for _, outletBinds := range []bool{true, false} {
		for _, kind := range []carrier.Type{carrier.SUB, carrier.XSUB} { // with and without reader leases
			for _, from := range []carrier.Type{carrier.PUB, carrier.XPUB} {
				t.Run(fmt.Sprintf("outletBinds=%t/%s-%s", outletBinds, from, kind), func(t *testing.T) {
					var o testOutlet
					var i testInlet
					as := with(func(c *carrier.Config) { c.Type = from })
					if outletBinds {
						o = newOutlet(t, carrier.Wait, 0, bind("tls://127.0.0.1:*"), server, as)
						i = newInlet(t, kind, []string{"yes"}, dial(o.address()), client)
					} else {
						i = newInlet(t, kind, []string{"yes"}, bind("tls://127.0.0.1:*"), server)
						o = newOutlet(t, carrier.Wait, 0, dial(i.address()), client, as)
					}
					o.eventLog.wait(t, carrier.Subscribed, 1)
					for n := range 50 {
						o.Send(numbered("yes", 100*n, 100*n+100))
					}
					o.Send(message("yes/big", strings.Repeat("x", 8<<20), "", "end"))
					i.sink.wait(t, 5001)
					requireNumbered(t, i.got()[:5000], "yes", 5000)
					require.Len(t, i.got()[5000][1], 8<<20)
					peer := o.Peers()[0]
					require.True(t, strings.HasPrefix(peer.Address, "tls://127.0.0.1:"), peer.Address)
					require.True(t, strings.HasPrefix(peer.Key, "sha256:"), peer.Key)
					o.Close(testkit.Soon)
					require.Equal(t, errPeerClosed.Text, i.eventLog.wait(t, carrier.Disconnected, 1).Reason)
				})
			}
		}
	}
}

func TestTheIdentityOfAClientIsKept(t *testing.T) {
	a := testkit.NewAuthority(t)
	made := a.Issue("desk", func(c *x509.Certificate) {
		c.URIs = []*url.URL{{Scheme: "spiffe", Host: "org", Path: "/desk"}}
		c.EmailAddresses = []string{"desk@org"}
	})
	o := newTLSOutlet(t, a)
	desk := certified(a, "desk")
	desk.CA = a.File
	i := newInlet(t, carrier.SUB, []string{""}, dial(o.address()), withTLS(t, desk))
	i.eventLog.wait(t, carrier.Connected, 1)
	o.eventLog.wait(t, carrier.Connected, 1)
	who := (*o.peers.Load())[0].identity
	require.Equal(t, tlsconfig.Fingerprint(made), who.Fingerprint)
	require.Equal(t, []string{"desk", "localhost", "spiffe://org/desk", "desk@org"}, who.Names)
	i.Close()
	require.Equal(t, errPeerClosed.Text, o.eventLog.wait(t, carrier.Disconnected, 1).Reason, "it has said so (close_notify)")
}

func TestRefusalsOfTLSAreNamedAtBothEnds(t *testing.T) {
	a, other := testkit.NewAuthority(t), testkit.NewAuthority(t)
	a.Issue("server")
	known, late := a.Issue("client"), a.Issue("late", testkit.Expired)
	foreign := other.Issue("stranger")
	a.Issue("elsewhere", func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"elsewhere"}, nil })
	end := func(of *testkit.Authority, name string) tlsconfig.Settings {
		s := certified(of, name)
		s.CA = a.File
		return s
	}
	pinning := func(name string, c *x509.Certificate, clients string) tlsconfig.Settings {
		s := end(a, name)
		s.Pins, s.Clients = tlsconfig.Fingerprint(c), clients
		return s
	}
	for name, c := range map[string]struct {
		server, client     tlsconfig.Settings
		atServer, atClient refusal
	}{
		"server of another CA": {end(other, "stranger"), end(a, "client"),
			refusal{carrier.CauseAccess, "the peer does not accept"}, refusal{carrier.CauseAuth, "is not signed by a CA of tls.ca"}},
		"server of an unknown CA": {end(a, "server"), tlsconfig.Settings{},
			refusal{carrier.CauseAccess, "the peer does not accept"}, refusal{carrier.CauseAuth, "is not signed by a CA that this system knows"}},
		"server has expired": {end(a, "late"), end(a, "client"),
			refusal{carrier.CauseAccess, "the peer does not accept"}, refusal{carrier.CauseAuth, "the server's certificate has expired"}},
		"server of another name": {end(a, "elsewhere"), end(a, "client"),
			refusal{carrier.CauseAccess, "the peer does not accept"}, refusal{carrier.CauseAuth, `is not for the name "127.0.0.1" (option tls.name)`}},
		"server of another key": {end(a, "server"), pinning("client", late, ""),
			refusal{carrier.CauseAccess, "the peer does not accept"}, refusal{carrier.CauseAuth, "is not one of tls.pins"}},
		"client of another CA": {end(a, "server"), end(other, "stranger"),
			refusal{carrier.CauseAuth, "the client's certificate is not signed by a CA of tls.ca"}, refusal{carrier.CauseAccess, "signed by a CA that the peer does not know"}},
		"client has expired": {end(a, "server"), end(a, "late"),
			refusal{carrier.CauseAuth, "the client's certificate has expired"}, refusal{carrier.CauseAccess, "it has expired"}},
		"client without certificate": {end(a, "server"), tlsconfig.Settings{CA: a.File},
			refusal{carrier.CauseAuth, "the client has shown no certificate"}, refusal{carrier.CauseAccess, "there is none, and the peer demands one"}},
		"client of another key": {pinning("server", late, tlsconfig.ByPin), end(a, "client"),
			refusal{carrier.CauseAuth, "key " + tlsconfig.Fingerprint(known) + " is not one of tls.pins"}, refusal{carrier.CauseAccess, "the peer does not accept"}},
		"client of the CA, and another key": {pinning("server", late, ""), end(a, "client"),
			refusal{carrier.CauseAuth, "key " + tlsconfig.Fingerprint(known) + " is not one of tls.pins"}, refusal{carrier.CauseAccess, "the peer does not accept"}},
		"client of another CA, and a pinned key": {pinning("server", foreign, ""), end(other, "stranger"),
			refusal{carrier.CauseAuth, "the client's certificate is not signed by a CA of tls.ca"}, refusal{carrier.CauseAccess, "signed by a CA that the peer does not know"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOutlet(t, carrier.Drop, 0, bind("tls://127.0.0.1:*"), withTLS(t, c.server))
			i := newInlet(t, carrier.SUB, []string{""}, dial(o.address()), withTLS(t, c.client))
			requireRefusal(t, o.eventLog, carrier.HandshakeFailed, c.atServer)
			requireRefusal(t, i.eventLog, carrier.Retrying, c.atClient)
		})
	}
}

func TestWhatIsAccepted(t *testing.T) {
	a := testkit.NewAuthority(t)
	server, client := a.Issue("server"), a.Issue("client", testkit.Expired)
	pinnedToo := mutual(a, "office")
	pinnedToo.Pins = tlsconfig.Fingerprint(a.Issue("fresh"))
	fresh := certified(a, "fresh")
	fresh.CA = a.File
	a.Issue("named", func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"office.test"}, nil })
	for name, c := range map[string]struct{ server, client tlsconfig.Settings }{
		"any client": {certified(a, "server"), tlsconfig.Settings{CA: a.File}},
		"pins at both ends, whatever the certificates say": {
			tlsconfig.Settings{Cert: a.Cert("server"), Key: a.Key("server"), Pins: tlsconfig.Fingerprint(client)},
			tlsconfig.Settings{Cert: a.Cert("client"), Key: a.Key("client"), Pins: tlsconfig.Fingerprint(server)}},
		"a key that is pinned, of the CA": {pinnedToo, fresh},
		"another name":                    {certified(a, "named"), tlsconfig.Settings{CA: a.Dir + "/ca.pem", Name: "office.test"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOutlet(t, carrier.Drop, 0, bind("tls://127.0.0.1:*"), withTLS(t, c.server))
			i := newInlet(t, carrier.SUB, []string{""}, dial(o.address()), withTLS(t, c.client))
			o.eventLog.wait(t, carrier.Subscribed, 1)
			o.Send(message("hello"))
			i.sink.wait(t, 1)
		})
	}
}

func TestPlainEndsAndEndsWithTLSNameEachOther(t *testing.T) {
	a := testkit.NewAuthority(t)
	secure := withTLS(t, mutual(a, "server"))
	at := func(o testOutlet, transport string) string {
		_, rest, _ := strings.Cut(o.address(), "://")
		return transport + rest
	}
	t.Run("plain client", func(t *testing.T) {
		o := newOutlet(t, carrier.Drop, 0, bind("tls://127.0.0.1:*"), secure)
		i := newInlet(t, carrier.SUB, []string{""}, dial(at(o, "tcp://")))
		requireRefusal(t, o.eventLog, carrier.HandshakeFailed, refusal{carrier.CauseAuth, "the peer does not speak TLS"})
		requireRefusal(t, i.eventLog, carrier.Retrying, refusal{carrier.CauseTLS, "the peer speaks TLS"})
	})
	t.Run("client with CURVE", func(t *testing.T) {
		o := newOutlet(t, carrier.Drop, 0, bind("tls://127.0.0.1:*"), secure)
		i := newInlet(t, carrier.SUB, []string{""}, dial(at(o, "tcp://")), newCurveKeys(t).asClient())
		requireRefusal(t, i.eventLog, carrier.Retrying, refusal{carrier.CauseTLS, "the peer speaks TLS"})
	})
	t.Run("plain server", func(t *testing.T) {
		o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"))
		i := newInlet(t, carrier.SUB, []string{""}, dial(at(o, "tls://")), secure)
		requireRefusal(t, o.eventLog, carrier.HandshakeFailed, refusal{carrier.CauseTLS, "the peer speaks TLS"})
		requireRefusal(t, i.eventLog, carrier.Retrying, refusal{carrier.CauseAuth, "the peer does not speak TLS"})
	})
	t.Run("old TLS", func(t *testing.T) {
		o := newOutlet(t, carrier.Drop, 0, bind("tls://127.0.0.1:*"), secure)
		_, err := tls.Dial("tcp", at(o, ""), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12})
		require.ErrorContains(t, err, "protocol version")
		requireRefusal(t, o.eventLog, carrier.HandshakeFailed, refusal{carrier.CauseAuth, "the peer does not speak TLS 1.3"})
	})
}

func TestKeysOfCurveDoNotCountForTLS(t *testing.T) {
	a, k := testkit.NewAuthority(t), newCurveKeys(t)
	known := k.asServer(t, k.client.Public.String())
	o := newOutlet(t, carrier.Drop, 0, bind("tls://127.0.0.1:*", "tcp://127.0.0.1:*"), withTLS(t, mutual(a, "server")), known)
	over := newTLSInlet(t, a, o.Endpoints()[0])
	over.eventLog.wait(t, carrier.Connected, 1)
	plain := newInlet(t, carrier.SUB, []string{""}, dial(o.Endpoints()[1]), k.asClient())
	plain.eventLog.wait(t, carrier.Connected, 1)
}

func TestBindingNeedsACertificate(t *testing.T) {
	_, err := Opener{}.OpenOutlet(carrier.OutletConfig{Config: config(carrier.XPUB, []option{bind("tls://127.0.0.1:*"), withTLS(t, tlsconfig.Settings{})})})
	require.ErrorContains(t, err, "set tls.cert")
}

// renewed reports whether both ends of a direction still have the secret from which further keys come.
func renewed(t *testing.T, out *tlsrecord.Sealer, in *tlsrecord.Opener) bool {
	t.Helper()
	require.NoError(t, out.Update())
	require.NoError(t, in.Update())
	record := out.Append(nil, tlsrecord.Data, 1)
	_, _, err := in.Open(tlsrecord.Body(record), record)
	return err == nil
}

func TestTheKeysOfAHandshakeThatFailsAreWiped(t *testing.T) {
	for _, succeeds := range []bool{true, false} {
		client, server := tlsEnds(t)
		h := handshake{c: &conn{tls: client}, m: &nullMechanism{}}
		h.end(succeeds)
		require.Equal(t, succeeds, renewed(t, client.out, server.in))
		require.Equal(t, succeeds, renewed(t, server.out, client.in))
	}
}

// writerConn is a connection that is only written to.
type writerConn struct {
	net.Conn
	to *bytes.Buffer
}

func (c writerConn) Write(p []byte) (int, error) { return c.to.Write(p) }
func (c writerConn) Read([]byte) (int, error)    { return 0, io.EOF }

// clientHello is the first record of a client.
func clientHello(t testing.TB) []byte {
	t.Helper()
	var to bytes.Buffer
	require.Error(t, tls.Client(writerConn{to: &to}, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13}).Handshake())
	require.Greater(t, to.Len(), 100)
	return to.Bytes()
}

func TestPeersTakeAPlaceOnlyWithAWholeClientHello(t *testing.T) {
	a := testkit.NewAuthority(t)
	o := newTLSOutlet(t, a, oneHandshake)
	setPatience(&o.socket, time.Hour)
	hello := clientHello(t)
	for n, begun := range [][]byte{nil, hello[:2], hello[:20], hello[:len(hello)-1]} {
		nc, err := net.Dial("tcp", strings.TrimPrefix(o.address(), "tls://"))
		require.NoError(t, err)
		defer nc.Close()
		_, err = nc.Write(begun)
		require.NoError(t, err)
		testkit.Eventually(t, func() bool { return connections(&o.socket) == n+1 }, "the silent peer")
	}
	i := newTLSInlet(t, a, o.address())
	i.eventLog.wait(t, carrier.Connected, 1)
	o.eventLog.wait(t, carrier.Connected, 1)
	testkit.Eventually(t, func() bool { return places(&o.guard.tls) == 0 }, "the handshake of the client is over")
}

func TestClientsAreToldThatThereIsNoPlaceForThem(t *testing.T) {
	a, k := testkit.NewAuthority(t), newCurveKeys(t)
	o := newTLSOutlet(t, a, oneHandshake, bind("tls://127.0.0.1:*", "tcp://127.0.0.1:*"), k.asServer(t, curve.AnyClient))
	setPatience(&o.socket, time.Hour)
	begun, err := net.Dial("tcp", strings.TrimPrefix(o.address(), "tls://"))
	require.NoError(t, err)
	defer begun.Close()
	_, err = begun.Write(clientHello(t))
	require.NoError(t, err)
	testkit.Eventually(t, func() bool { return waitsForPeer(&o.guard.tls) }, "one that has begun")
	late := newTLSInlet(t, a, o.address())
	require.Contains(t, late.eventLog.wait(t, carrier.Retrying, 1).Reason, "limit.handshakes there")
	require.Contains(t, o.eventLog.wait(t, carrier.HandshakeFailed, 1).Reason, "limit.handshakes")
	other := newInlet(t, carrier.SUB, []string{""}, dial(o.Endpoints()[1]), k.asClient())
	other.eventLog.wait(t, carrier.Connected, 1) // CURVE has places of its own
	begun.Close()
	late.eventLog.wait(t, carrier.Connected, 1)
}

func TestAPeerThatIsSilentAfterItsClientHelloMakesRoomForAClient(t *testing.T) {
	a := testkit.NewAuthority(t)
	o := newTLSOutlet(t, a, oneHandshake)
	setPatience(&o.socket, 0)
	begun, err := net.Dial("tcp", strings.TrimPrefix(o.address(), "tls://"))
	require.NoError(t, err)
	defer begun.Close()
	require.NoError(t, begun.SetDeadline(time.Now().Add(testkit.Soon)))
	_, err = begun.Write(clientHello(t))
	require.NoError(t, err)
	testkit.Eventually(t, func() bool { return waitsForPeer(&o.guard.tls) }, "one that has begun")
	i := newTLSInlet(t, a, o.address())
	i.eventLog.wait(t, carrier.Connected, 1)
	require.Equal(t, errPlaceLost.Error(), o.eventLog.wait(t, carrier.HandshakeFailed, 1).Reason)
	(&rawPeer{begun, t}).requireHungUp()
}

// What is no ClientHello is refused without a place, however little of it has come.
func TestWhatIsNoClientHelloIsRefusedAtOnce(t *testing.T) {
	a := testkit.NewAuthority(t)
	o := newTLSOutlet(t, a, func(c *carrier.Config) { c.HandshakeTimeout = time.Hour })
	for name, sent := range map[string][]byte{
		"alert":           {recordAlert, 3, 3, 0, 2, 1, 0},
		"no message":      {recordHandshake, 3, 3, 0, 0},
		"big record":      {recordHandshake, 3, 3, 0x40, 1},
		"another message": {recordHandshake, 3, 3, 0, 1, 2},
		"big message":     {recordHandshake, 3, 3, 0, 4, 1, 1, 0, 0},
		"then an alert":   {recordHandshake, 3, 3, 0, 1, 1, recordAlert, 3, 3, 0, 2},
	} {
		nc, err := net.Dial("tcp", strings.TrimPrefix(o.address(), "tls://"))
		require.NoError(t, err)
		defer nc.Close()
		require.NoError(t, nc.SetDeadline(time.Now().Add(testkit.Soon)))
		_, err = nc.Write(sent)
		require.NoError(t, err)
		peer := &rawPeer{nc, t}
		require.Equal(t, alertUnexpected, peer.receive(len(alertUnexpected)), name)
		peer.requireHungUp()
	}
	o.eventLog.wait(t, carrier.HandshakeFailed, 6)
	for _, e := range o.eventLog.all() {
		require.Equal(t, errHello.Text, e.Reason)
	}
}

// Records may end anywhere in a message.
func TestAClientHelloInManyRecords(t *testing.T) {
	a := testkit.NewAuthority(t)
	o := newTLSOutlet(t, a)
	nc, err := net.Dial("tcp", strings.TrimPrefix(o.address(), "tls://"))
	require.NoError(t, err)
	defer nc.Close()
	require.NoError(t, nc.SetDeadline(time.Now().Add(testkit.Soon)))
	hello := clientHello(t)
	for _, b := range hello[tlsrecord.HeaderSize:] {
		_, err = nc.Write([]byte{recordHandshake, 3, 1, 0, 1, b})
		require.NoError(t, err)
	}
	answer := (&rawPeer{nc, t}).receive(6)
	require.Equal(t, []byte{recordHandshake, 3, 3}, answer[:3])
	require.Equal(t, byte(2), answer[5], "a ServerHello")
}

func TestHandshakesThatDoNotEnd(t *testing.T) {
	a := testkit.NewAuthority(t)
	o := newTLSOutlet(t, a,
		with(func(c *carrier.Config) { c.HandshakeTimeout = 100 * time.Millisecond }))
	begun, err := net.Dial("tcp", strings.TrimPrefix(o.address(), "tls://"))
	require.NoError(t, err)
	defer begun.Close()
	_, err = begun.Write([]byte{recordHandshake, recordMajor, 1, 2, 0})
	require.NoError(t, err)
	require.Contains(t, o.eventLog.wait(t, carrier.HandshakeFailed, 1).Reason, "handshake.timeout")
	_, err = io.Copy(io.Discard, begun)
	if err != nil {
		require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
	}
}

// Certificates are read again at a handshake; what stands is not touched.
func TestCertificatesThatChangeWhileConnected(t *testing.T) {
	a := testkit.NewAuthority(t)
	o := newTLSOutlet(t, a)
	client := withTLS(t, mutual(a, "client"))
	first := newInlet(t, carrier.SUB, []string{""}, dial(o.address()), client)
	first.eventLog.wait(t, carrier.Connected, 1)
	before := first.Peers()[0].Key
	renewed := tlsconfig.Fingerprint(a.Issue("server"))
	testkit.Eventually(t, func() bool {
		i := newInlet(t, carrier.SUB, []string{""}, dial(o.address()), client)
		defer i.Close()
		i.eventLog.wait(t, carrier.Connected, 1)
		return i.Peers()[0].Key == renewed
	}, "the new certificate")
	require.Equal(t, before, first.Peers()[0].Key)
	require.Nil(t, first.eventLog.find(carrier.Disconnected, 0))
	o.Send(message("still there"))
	first.sink.wait(t, 1)
}
