package inproc

import (
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/errno"
)

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestANameBelongsToOneListenerAtATime(t *testing.T) {
	_, err := Dial("n")
	require.ErrorIs(t, err, ErrUnbound)
	first, doneFirst := Await("n", 0)
	second, doneSecond := Await("n", names.last)
	doneSecond()
	l, err := Listen("n")
	require.NoError(t, err)
	require.True(t, closed(first))
	require.True(t, closed(second))
	doneFirst()
	_, err = Listen("n")
	require.ErrorIs(t, err, errno.EADDRINUSE)
	now, done := Await("n", 0)
	require.True(t, closed(now))
	done()
	next, done := Await("n", names.last)
	require.False(t, closed(next), "this listener was there before")
	here, err := Dial("n")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	require.ErrorIs(t, here.Await(nil), io.EOF, "no one has accepted it")
	_, err = l.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
	l, err = Listen("n")
	require.NoError(t, err)
	require.True(t, closed(next))
	done()
	require.NoError(t, l.Close())
	_, done = Await("n", 0)
	done()
	require.Empty(t, names.bound)
	require.Empty(t, names.awaited)
}

func TestBytesAndRangesKeepTheirOrder(t *testing.T) {
	a, b := newPair("n")
	big := batch.Get()
	big.AppendFrame(make([]byte, 40_000), false)
	_, err := a.Write([]byte("one"))
	require.NoError(t, err)
	n, err := a.Send([]Range{{Bytes: big.Buf, Batch: big, Ends: big.Ends}, {Bytes: []byte("two")}}, false)
	require.NoError(t, err)
	require.Equal(t, len(big.Buf)+3, n)
	require.Equal(t, n+3, b.Unread())
	require.Equal(t, n+3, a.Unsent())
	buf := make([]byte, 100)
	r, n := b.Receive(buf)
	require.Equal(t, "one", string(buf[:n]))
	require.Nil(t, r.Batch)
	r, n = b.Receive(buf)
	require.Zero(t, n)
	require.Same(t, &big.Buf[0], &r.Bytes[0])
	r.Batch.Release()
	_, n = b.Receive(buf)
	require.Equal(t, "two", string(buf[:n]))
	require.NoError(t, a.Close())
	_, err = b.Read(buf)
	require.ErrorIs(t, err, io.EOF)
	_, err = b.Write(buf)
	require.ErrorIs(t, err, errno.EPIPE)
	big.Release()
}

func TestAFullPipeWaitsForItsReader(t *testing.T) {
	a, b := newPair("n")
	some := Range{Bytes: make([]byte, capacity/2)}
	n, err := a.Send([]Range{some, some, some}, true)
	require.NoError(t, err)
	require.Equal(t, capacity, n)
	n, err = a.Send([]Range{some}, false)
	require.NoError(t, err)
	require.Zero(t, n)
	require.NoError(t, a.SetDeadline(time.Now().Add(time.Millisecond)))
	_, err = a.Send([]Range{some}, true)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, a.SetDeadline(time.Time{}))
	sent := make(chan error, 1)
	go func() { _, err := a.Send([]Range{some}, true); sent <- err }()
	_, n = b.Receive(make([]byte, 1000))
	require.Equal(t, 1000, n)
	require.NoError(t, <-sent)
	go func() { _, err := a.Send([]Range{some}, true); sent <- err }()
	require.NoError(t, b.Close())
	require.ErrorIs(t, <-sent, errno.EPIPE)
	require.ErrorIs(t, b.Await(nil), net.ErrClosed)
}
