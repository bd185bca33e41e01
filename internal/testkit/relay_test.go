package testkit

import (
	"io"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
)

// sink listens, and gives what each connection brings up to its end.
func sink(t *testing.T) (endpoint string, brought chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	brought = make(chan string, 10)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all, _ := io.ReadAll(c)
			brought <- string(all)
		}
	}()
	return "tcp://" + l.Addr().String(), brought
}

func dial(t *testing.T, r *Relay) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(r.Address(), "tcp://"))
	require.NoError(t, err)
	return c
}

func TestARelayLosesWholeMessages(t *testing.T) {
	endpoint, brought := sink(t)
	r := NewRelay(t, endpoint)
	r.Lose(2)
	var b batch.Batch
	for _, topic := range []string{`"a"`, `"b"`, `"c"`, `"d"`} {
		b.AppendFrame([]byte(topic), true)
		b.AppendFrame([]byte(strings.Repeat("x", 300)), false)
	}
	greeting := strings.Repeat("g", 64)
	command := "\x04\x05\x04PING"
	c := dial(t, r)
	_, err := c.Write([]byte(greeting + command + string(b.Buf)))
	require.NoError(t, err)
	require.NoError(t, c.Close())
	require.Equal(t, greeting+command+string(b.Message(0))+string(b.Message(2)), Receive(t, brought, "what passes"))
	require.Equal(t, map[string]int{"b": 1, "d": 1}, r.Lost())
	require.Equal(t, 4, r.Passed())
}

func TestARelayCanBeCut(t *testing.T) {
	endpoint, _ := sink(t)
	r := NewRelay(t, endpoint)
	c := dial(t, r)
	defer func() { _ = c.Close() }()
	r.Cut()
	_, err := c.Read(make([]byte, 1))
	require.Error(t, err)
	again := dial(t, r)
	defer func() { _ = again.Close() }()
	_, err = again.Read(make([]byte, 1))
	require.Error(t, err)
	r.Restore()
	require.Empty(t, r.Lost())
}
