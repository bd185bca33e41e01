package zmtp

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

// hostileTLS makes peers that give up, or lie, at every state of a handshake with TLS.
type hostileTLS struct {
	t               testing.TB
	at              string
	known, stranger tls.Certificate
}

func newHostileTLS(t testing.TB) (*hostileTLS, testOutlet) {
	t.Helper()
	a, other := testkit.NewAuthority(t), testkit.NewAuthority(t)
	o := newTLSOutlet(t, a,
		func(c *carrier.Config) { c.OnEvent = nil }, limit(func(l *carrier.Limits) { l.HandshakeRate = 1 << 20 }))
	a.Issue("known")
	other.Issue("stranger")
	h := &hostileTLS{t: t, at: strings.TrimPrefix(o.address(), "tls://")}
	var err error
	h.known, err = tls.LoadX509KeyPair(a.Cert("known"), a.Key("known"))
	require.NoError(t, err)
	h.stranger, err = tls.LoadX509KeyPair(other.Cert("stranger"), other.Key("stranger"))
	require.NoError(t, err)
	return h, o
}

// cutConn hangs up in the middle of what is written to it first.
type cutConn struct {
	net.Conn
	at int
}

func (c cutConn) Write(p []byte) (int, error) {
	_, _ = c.Conn.Write(p[:min(c.at, len(p))])
	_ = c.Conn.Close()
	return 0, io.ErrClosedPipe
}

// run is one handshake of kind n.
func (h *hostileTLS) run(n int) {
	nc, err := net.Dial("tcp", h.at)
	require.NoError(h.t, err)
	defer nc.Close()
	require.NoError(h.t, nc.SetDeadline(time.Now().Add(testkit.Soon)))
	cfg := &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{h.known}}
	switch n % 6 {
	case 0:
		return
	case 1:
		_, _ = nc.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
		alert := make([]byte, len(alertUnexpected))
		_, err := io.ReadFull(nc, alert)
		require.NoError(h.t, err)
		require.Equal(h.t, alertUnexpected, alert)
		return
	case 2:
		require.Error(h.t, tls.Client(cutConn{nc, 3 + n%500}, cfg).Handshake())
		return
	case 3:
		cfg.Certificates[0] = h.stranger
	case 4:
		cfg.Certificates = nil
	}
	c := tls.Client(nc, cfg)
	require.NoError(h.t, c.Handshake())
	_, _ = c.Write([]byte("no greeting"))
	_, err = io.Copy(io.Discard, c)
	if n%6 == 3 || n%6 == 4 {
		require.ErrorContains(h.t, err, "certificate")
	}
}

func TestHostileHandshakesWithTLSLeaveNothingBehind(t *testing.T) {
	h, o := newHostileTLS(t)
	gone := func() bool { return connections(&o.socket) == 0 }
	for n := range 100 {
		h.run(n)
	}
	testkit.Eventually(t, gone, "the end of all connections")
	before := heapBytes()
	for n := range 600 {
		h.run(n)
	}
	testkit.Eventually(t, gone, "the end of all connections")
	require.Less(t, heapBytes()-before, int64(1<<20))
	require.Zero(t, places(&o.guard.tls))
}

// BenchmarkHostileHandshakesWithTLS shows, with -benchtime 100000x, that memory stays flat.
func BenchmarkHostileHandshakesWithTLS(b *testing.B) {
	h, o := newHostileTLS(b)
	before := heapBytes()
	for n := 0; b.Loop(); n++ {
		h.run(n)
	}
	testkit.Eventually(b, func() bool { return connections(&o.socket) == 0 }, "the end of all connections")
	b.ReportMetric(float64(heapBytes()-before), "heap-bytes")
}
