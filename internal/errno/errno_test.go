package errno

import (
	"fmt"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the system says is recognized, whatever it numbers its errors by.
func TestErrorsOfSocketsAreRecognized(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, err = net.Listen("tcp", l.Addr().String())
	require.ErrorIs(t, err, EADDRINUSE)
	require.NoError(t, l.Close())
	_, err = net.Dial("tcp", l.Addr().String())
	require.ErrorIs(t, err, ECONNREFUSED)
	require.False(t, Exhausted(err))
	_, err = net.Listen("tcp", "192.0.2.1:0") // of documentation: no machine has it
	require.ErrorIs(t, err, EADDRNOTAVAIL)
	require.True(t, Exhausted(fmt.Errorf("accept: %w", EMFILE)))
}
