package probe

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

func dial(t *testing.T, text string) *Conn {
	t.Helper()
	target, err := Parse(text)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Soon)
	t.Cleanup(cancel)
	places, err := target.Resolve(ctx)
	require.NoError(t, err)
	c, err := target.Dial(ctx, places[0], nil)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

func TestBothSidesOfAPostOfficeAreTold(t *testing.T) {
	dir, err := os.MkdirTemp("", "probe")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	po, err := core.NewPostOffice("tcp://127.0.0.1:0", "ipc://"+filepath.Join(dir, "out"), "")
	require.NoError(t, err)
	t.Cleanup(func() { _ = po.Close() })
	require.NoError(t, po.Start())
	in, err := po.Get("endpoint.in")
	require.NoError(t, err)

	c := dial(t, in)
	require.NoError(t, c.Greet())
	require.Equal(t, Greeting{Version: "3.1", Mechanism: "NULL"}, c.Peer)
	require.NoError(t, c.Introduce("PUB"))
	require.Equal(t, "XSUB", c.Ready.SocketType)
	_, ok := c.KernelTime()
	require.True(t, ok)

	c = dial(t, "ipc://"+filepath.Join(dir, "out"))
	require.NoError(t, c.Greet())
	require.NoError(t, c.Introduce("SUB"))
	require.Equal(t, "XPUB", c.Ready.SocketType)
	require.NotEmpty(t, c.Ready.Office)
	for i := range uint32(3) {
		took, err := c.Ping(i)
		require.NoError(t, err)
		require.Positive(t, took)
	}
	_, ok = c.KernelTime()
	require.False(t, ok)

	c = dial(t, "ipc://"+filepath.Join(dir, "out"))
	require.NoError(t, c.Greet())
	err = c.Introduce("PUB")
	if err == nil { // its READY came first
		require.Equal(t, "XPUB", c.Ready.SocketType)
	}
}

// server answers the first connection with text.
func server(t *testing.T, text string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		if c, err := l.Accept(); err == nil {
			_, _ = io.WriteString(c, text)
			_, _ = io.ReadFull(c, make([]byte, greetingSize))
			c.Close()
		}
	}()
	return "tcp://" + l.Addr().String()
}

func TestOtherProtocolsAreTold(t *testing.T) {
	c := dial(t, server(t, "SSH-2.0-OpenSSH_9.2\r\n"))
	require.ErrorIs(t, c.Greet(), ErrNotZMTP)
	c = dial(t, server(t, ""))
	require.ErrorContains(t, c.Greet(), "closed the connection")
	c = dial(t, server(t, "\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x01"))
	require.NoError(t, c.Greet())
	require.Equal(t, "2", c.Peer.Version)
}

func TestADeadlineEndsAWait(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	c := dial(t, "tcp://"+l.Addr().String())
	c.Until(time.Now().Add(10 * time.Millisecond))
	require.ErrorIs(t, c.Greet(), os.ErrDeadlineExceeded)
}

func TestMalformedInputIsRefused(t *testing.T) {
	var p Properties
	for _, bad := range []string{"\x01", "\x05a", "\x01a\x00\x00\x00\x09b"} {
		require.Error(t, p.parse([]byte(bad)), "%q", bad)
	}
	_, err := Parse("inproc://x")
	require.Error(t, err)
	_, err = Parse("tcp://*:5")
	require.Error(t, err)
	name, _ := splitCommand([]byte("\x09READY"))
	require.Empty(t, name)
	require.Equal(t, "a?b", printable("a\x1bb"))
}
