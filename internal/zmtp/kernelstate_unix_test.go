//go:build unix

package zmtp

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/testkit"
)

func TestKernelStateSeesUnsentAndUnreadBytes(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	near, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	defer func() { _ = near.Close() }()
	far, err := l.Accept()
	require.NoError(t, err)
	defer func() { _ = far.Close() }()
	here, err := newRawio(near)
	require.NoError(t, err)
	there, err := newRawio(far)
	require.NoError(t, err)
	require.False(t, there.unread())
	require.Zero(t, here.kernelState().unsent)

	for written := 0; written == 0; { // on a busy machine a deadline may be over before anything is written
		require.NoError(t, near.SetWriteDeadline(time.Now().Add(100*time.Millisecond)))
		written, err = near.Write(make([]byte, 64<<20))
		require.Error(t, err, "more than the kernel takes")
	}
	testkit.Eventually(t, there.unread, "some of it has arrived")
	k := here.kernelState()
	require.Positive(t, k.unsent)
	require.Less(t, k.sinceAck, testkit.Soon)
}
