package zmtp

import (
	"net"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

// vanish cuts a TCP connection without a FIN or RST, as when a cable is cut: a socket
// filter drops what arrives before the kernel can acknowledge it.
func (r *rawPeer) vanish() {
	r.t.Helper()
	raw, err := r.Conn.(*net.TCPConn).SyscallConn()
	require.NoError(r.t, err)
	nothing := syscall.SockFilter{Code: syscall.BPF_RET | syscall.BPF_K, K: 0}
	filter := syscall.SockFprog{Len: 1, Filter: &nothing}
	var errno syscall.Errno
	require.NoError(r.t, raw.Control(func(fd uintptr) {
		_, _, errno = syscall.Syscall6(syscall.SYS_SETSOCKOPT, fd, syscall.SOL_SOCKET, syscall.SO_ATTACH_FILTER,
			uintptr(unsafe.Pointer(&filter)), unsafe.Sizeof(filter), 0)
	}))
	require.Zero(r.t, errno)
}

// The machine of the peer vanishes without a FIN or RST, with data on the way to it.
func TestHalfOpenPeerIsNoticed(t *testing.T) {
	for _, c := range []struct {
		minor byte
		busy  bool
	}{{1, false}, {1, true}, {0, true}} {
		o := newOutlet(t, carrier.Drop, 0, bind("tcp://127.0.0.1:*"), beat(100*time.Millisecond, 600*time.Millisecond))
		p := connectRaw(t, o.address())
		p.shakeHands("SUB", c.minor)
		p.send(appendSubscription(nil, 1, true, nil))
		o.wait(t, carrier.Subscribed, 1)
		p.vanish()
		if c.busy {
			testkit.Repeat(t, "the kernel takes no more", func() bool {
				o.Send(message(string(make([]byte, 100_000))))
				peers := o.Peers()
				return len(peers) == 0 || peers[0].QueueMessages > 0
			})
		}
		require.Contains(t, o.wait(t, carrier.Disconnected, 1).Reason, "heartbeat timeout: the peer sent nothing for ")
	}
}
