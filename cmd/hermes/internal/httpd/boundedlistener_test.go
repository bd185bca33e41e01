package httpd

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Connections that say nothing, and those that are kept after an answer, keep no probe out.
func TestIdleConnectionsDoNotKeepAProbeOut(t *testing.T) {
	s := newSite(t, Config{})
	at := strings.TrimPrefix(s.url, "http://")
	var idle []net.Conn
	for i := range maxConnections + 44 {
		c, err := net.Dial("tcp", at)
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		if i%2 == 1 {
			_, err = fmt.Fprintf(c, "GET /livez HTTP/1.1\r\nHost: %s\r\n\r\n", at)
			require.NoError(t, err)
			answer := make([]byte, 12)
			_, err = io.ReadFull(c, answer)
			require.NoError(t, err)
			require.Equal(t, "HTTP/1.1 200", string(answer))
		}
		idle = append(idle, c)
	}
	for range 3 {
		code, _ := s.do("GET", "/livez", "")
		require.Equal(t, 200, code)
	}
	_, err := idle[0].Read(make([]byte, 1))
	require.Error(t, err, "the quietest was closed")
}
