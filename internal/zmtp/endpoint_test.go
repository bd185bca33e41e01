package zmtp

import (
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

func TestSupports(t *testing.T) {
	for _, good := range []string{
		"tcp://127.0.0.1:6000", "tcp://*:*", "tcp://*:0", "tcp://0.0.0.0:*", "tcp://[::1]:5555", "tcp://[fe80::1%lo]:5555",
		"tcp://eth0:5555", "tcp://example.org:1", "ipc:///tmp/x", "ipc://relative", "ipc://@name", "ipc://*", "inproc://x",
	} {
		require.NoError(t, Opener{}.Supports(good), good)
	}
	for _, bad := range []string{
		"", "6000", "tcp://", "tcp://host", "tcp://:5", "tcp://host:", "tcp://host:x", "tcp://host:65536", "tcp://host:-1",
		"tcp://::1:5555", "tcp://[::1:5555", "tcp://[host]:5", "tcp://a/b:5", "ipc://", "ipc://@", "ipc://a\x00b",
		"ipc:///" + strings.Repeat("x", 108),
	} {
		require.ErrorIs(t, Opener{}.Supports(bad), carrier.ErrAddress, bad)
	}
	for _, other := range []string{"ws://127.0.0.1:1", "pgm://eth0;1.2.3.4:5", "tcp://eth0:0;10.0.0.1:5555"} {
		require.ErrorIs(t, Opener{}.Supports(other), carrier.ErrUnsupported, other)
	}
	require.ErrorIs(t, Opener{}.Supports("ipc:///"+strings.Repeat("x", 108)), syscall.ENAMETOOLONG)
}
