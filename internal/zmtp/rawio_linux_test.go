//go:build linux && !posix && !portable

package zmtp

import (
	"bytes"
	"fmt"
	"net"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

// Subscriptions wait for a peer that does not read, outside of Go's poller as well.
func TestSubscriptionsToAPeerThatDoesNotRead(t *testing.T) {
	i := newInlet(t, carrier.SUB, nil, bind("tcp://127.0.0.1:*"))
	peer := connectRaw(t, i.address())
	peer.shakeHands("PUB", 0)
	i.eventLog.wait(t, carrier.Connected, 1)
	const n, size = 100, 64 << 10 // more than the kernel keeps
	for k := range n {
		require.NoError(t, i.Subscribe(fmt.Appendf(bytes.Repeat([]byte("x"), size), "%d", k)))
	}
	c := (*i.peers.Load())[0]
	testkit.Eventually(t, func() bool {
		c.io.mu.Lock()
		defer c.io.mu.Unlock()
		return c.io.writable != nil
	}, "a wait for room")
	for k := range n {
		_, body := peer.receiveFrame()
		require.Equal(t, fmt.Sprintf("%d", k), string(body[1+size:]))
	}
}

// A writer that waits does not outlive a connection whose peer has hung up.
func TestAPeerThatHangsUpWhileSubscriptionsWait(t *testing.T) {
	i := newInlet(t, carrier.SUB, nil, bind("tcp://127.0.0.1:*"))
	peer := connectRaw(t, i.address())
	peer.shakeHands("PUB", 0)
	i.eventLog.wait(t, carrier.Connected, 1)
	for k := range 100 { // more than the kernel keeps
		require.NoError(t, i.Subscribe(fmt.Appendf(bytes.Repeat([]byte("x"), 64<<10), "%d", k)))
	}
	c := (*i.peers.Load())[0]
	testkit.Eventually(t, func() bool {
		c.io.mu.Lock()
		defer c.io.mu.Unlock()
		return c.io.writable != nil
	}, "a wait for room")
	require.NoError(t, peer.Conn.(*net.TCPConn).CloseWrite()) // and it still does not read
	i.eventLog.wait(t, carrier.Disconnected, 1)
	testkit.Finish(t, "closing: nothing waits to write any more", i.Close)
}

// vectorAt is the i-th range to write.
func (r *rawio) vectorAt(i int) []byte {
	v := r.out.vec[i]
	return unsafe.Slice(v.Base, int(v.Len))
}
