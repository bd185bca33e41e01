package zmtp

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/testkit"
)

// socketPair is two ends of a connection.
func socketPair(t testing.TB) (a, b net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	a, err = net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	b, err = l.Accept()
	require.NoError(t, err)
	for _, end := range []net.Conn{a, b} {
		require.NoError(t, end.SetDeadline(time.Now().Add(testkit.Soon)))
		t.Cleanup(func() { _ = end.Close() })
	}
	return a, b
}
