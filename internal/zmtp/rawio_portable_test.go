//go:build windows || (linux && portable)

package zmtp

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

// TestAWriteIsOfAPieceAtMost, whatever ranges the piece is made of.
func TestAWriteIsOfAPieceAtMost(t *testing.T) {
	for _, sizes := range [][]int{
		{1}, {piece - 1}, {piece}, {piece + 1}, {piece - 1, 1, 1}, {piece, piece}, {1, 3*piece + 1, 1},
		{20_000, 20_000, 20_000, 20_000, 20_000, 20_000, 20_000},
	} {
		ours, peers := socketPair(t)
		r, err := newRawio(ours)
		require.NoError(t, err)
		ranges := make([][]byte, len(sizes))
		for i, size := range sizes {
			ranges[i] = bytes.Repeat([]byte{byte('a' + i)}, size)
		}
		all := bytes.Join(ranges, nil)
		got := make(chan []byte, 1)
		go func() {
			p := make([]byte, len(all))
			n, _ := io.ReadFull(peers, p)
			got <- p[:n]
		}()
		for left := len(all); left > 0; {
			for i, p := range ranges {
				r.setVector(i, p)
			}
			n, err := r.write(len(ranges), true)
			require.NoError(t, err)
			require.Equal(t, min(left, piece), n, "%d of %v are left", left, sizes)
			r.clearVector(len(ranges))
			left -= n
			for n > 0 {
				k := min(n, len(ranges[0]))
				n -= k
				if ranges[0] = ranges[0][k:]; len(ranges[0]) == 0 {
					ranges = ranges[1:]
				}
			}
		}
		require.Equal(t, all, testkit.Receive(t, got, "all of it"))
	}
}

// TestWhatASlowPeerTakesIsSeenBeforeItHasTakenAll: or it would be taken for a stalled one.
func TestWhatASlowPeerTakesIsSeenBeforeItHasTakenAll(t *testing.T) {
	o := newOutlet(t, carrier.Wait, 1000, bind("tcp://127.0.0.1:*"))
	peer := connectRaw(t, o.address())
	peer.shakeHands("SUB", 0)
	peer.send([]byte("\x00\x01\x01"))
	o.wait(t, carrier.Subscribed, 1)
	c := (*o.peers.Load())[0]
	const size = 32 << 20 // more than the kernel keeps
	b := batch.Get()
	b.AppendFrame(make([]byte, size), false)
	require.Equal(t, 1, o.Send(b).Sent)
	b.Release()
	written := func() uint64 {
		c.out.mu.Lock()
		defer c.out.mu.Unlock()
		return c.out.writtenBytes
	}
	testkit.Eventually(t, func() bool { return written() > 0 }, "the first piece")
	for written() < size/2 {
		before := written()
		testkit.Eventually(t, func() bool { peer.receive(piece / 4); return written() > before }, "a further one")
	}
	require.Less(t, written(), uint64(size))
}
