package zmtp

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/testkit"
	"github.com/hermes-zmq/hermes/internal/tlsrecord"
)

func TestTheWriterSendsWhatTheKernelDoesNotTakeAtOnce(t *testing.T) {
	o, far := newSendBuffer(t, 1000, 1<<30)
	payload := bytes.Repeat([]byte("0123456789"), 300_000)
	ended := make(chan error, 1)
	go func() { ended <- o.runWriter() }()
	b := message(string(payload))
	o.mu.Lock()
	o.add(b, 0, 1, false)
	require.NoError(t, o.flush())
	o.mu.Lock()
	require.Equal(t, 1, o.messages, "more than the kernel takes at once")
	o.mu.Unlock()
	o.finish()
	got, err := io.ReadAll(far)
	require.NoError(t, err)
	require.Equal(t, b.Buf, got)
	require.NoError(t, testkit.Receive(t, ended, "the writer"))
	require.Equal(t, uint64(1), o.sent)
}

// newEndingConn is a connection whose sending direction is about to be shut down.
func newEndingConn(t *testing.T, protect func(c *conn) outputCodec) (c *conn, far net.Conn, ended chan error) {
	near, far := socketPair(t)
	raw, err := newRawio(near)
	require.NoError(t, err)
	c = &conn{io: raw}
	c.out.init(raw, 1000, 1<<30)
	if codec := protect(c); codec != nil {
		c.out.protect(codec)
	}
	ended = make(chan error, 1)
	go func() { ended <- c.out.runWriter() }()
	return c, far, ended
}

// sayAll has a connection say all that it says by itself.
func sayAll(c *conn) {
	c.postControl(appendPing(nil))
	c.post(appendSubscription(nil, 1, true, []byte("late")), 1<<20)
}

// lateCodec has its connection say more while the end is on its way.
type lateCodec struct {
	outputCodec
	c     *conn
	layer *tlsLayer
}

func (x lateCodec) encrypt(ranges [][]byte) (*batch.Batch, int, error) {
	arena, plain, err := x.outputCodec.encrypt(ranges)
	if x.layer.end.Load() == endSent {
		sayAll(x.c)
	}
	return arena, plain, err
}

func TestNothingIsQueuedBehindTheEnd(t *testing.T) {
	client, server := tlsEnds(t)
	for name, protect := range map[string]func(c *conn) outputCodec{
		"plain": func(*conn) outputCodec { return nil },
		"TLS":   func(c *conn) outputCodec { return lateCodec{client.output(), c, client} },
	} {
		t.Run(name, func(t *testing.T) {
			c, far, ended := newEndingConn(t, protect)
			sayAll(c)
			c.out.finish()
			sayAll(c) // the rest is being written
			got, err := io.ReadAll(far)
			require.NoError(t, err)
			sayAll(c) // it is over: a write would fail, and end what the peer has not read
			require.NoError(t, testkit.Receive(t, ended, "the writer"))
			require.Nil(t, c.aborted.Load())
			require.True(t, c.out.spanQueue.empty())
			if name != "TLS" {
				return
			}
			r := newTLSReader(server, &plainSink{})
			require.ErrorIs(t, preload(r, got), io.EOF)
			require.Equal(t, len(got), endsAt(t, got), "the end of the stream is the last record")
		})
	}
}

// TestAPeerThatDoesNotLookForTheEndHoldsUpNoClose: its PING, behind the end, says that it lives and has all.
func TestAPeerThatDoesNotLookForTheEndHoldsUpNoClose(t *testing.T) {
	c, far, ended := newEndingConn(t, func(*conn) outputCodec { return nil })
	ping := func() error {
		_, err := c.command(cmdPing, []byte{0, 0})
		return err
	}
	require.NoError(t, ping())
	c.out.finish()
	require.NoError(t, testkit.Receive(t, ended, "the writer"))
	testkit.Eventually(t, func() bool { return errors.Is(ping(), errAllDelivered) }, "it ends")
	got, err := io.ReadAll(far)
	require.NoError(t, err)
	require.Contains(t, string(got), cmdPong)
}

// endsAt is where the first record ends that has the size of an alert.
func endsAt(t *testing.T, p []byte) (at int) {
	t.Helper()
	for at < len(p) {
		record, err := tlsrecord.First(p[at:])
		require.NoError(t, err)
		at += len(record)
		if len(record) == tlsrecord.Overhead+2 {
			return at
		}
	}
	return -1
}

func TestDataIsNotEncryptedBehindTheEnd(t *testing.T) {
	client, _ := tlsEnds(t)
	out := client.output()
	out.end()
	arena, plain, err := out.encrypt([][]byte{message("last").Buf})
	require.NoError(t, err)
	require.Equal(t, message("last").Size(), plain)
	arena.Release()
	_, _, err = out.encrypt([][]byte{message("behind").Buf})
	require.ErrorIs(t, err, errEnded)
	arena, _, err = out.encrypt(nil)
	require.NoError(t, err)
	require.Nil(t, arena)
}

func TestKillReleasesTheQueue(t *testing.T) {
	o, _ := newSendBuffer(t, 1000, 1<<30)
	b := batch.Get()
	b.AppendFrame(make([]byte, 60_000), false)
	ended := make(chan error, 1)
	go func() { ended <- o.runWriter() }()
	for range 100 {
		o.mu.Lock()
		o.add(b, 0, 1, false)
		require.NoError(t, o.flush())
	}
	require.Positive(t, o.kill())
	_ = o.io.SetDeadline(longAgo)
	testkit.Receive(t, ended, "the writer")
	require.Empty(t, o.spans)
	require.Zero(t, o.kill(), "only once")
}

// A queue keeps about as much memory alive as it has bytes.
func TestAQueueKeepsLittleMemoryAlive(t *testing.T) {
	const n = 2000
	o, far := newSendBuffer(t, n, 1<<30)
	require.NoError(t, far.(*net.UnixConn).SetReadBuffer(1024))
	f := fanOut{outcomes: make([]outcome, 1)}
	o.writing = true // as during a write that does not get far
	before := heapBytes()
	for range n {
		f.b = batch.Get()
		f.b.AppendFrame(make([]byte, 100), false)
		f.b.Buf = append(f.b.Buf, make([]byte, 60_000)...) // the rest of the arena is for others
		o.add(f.b, 0, 1, o.pins(f.b, 102))
		f.b.Release()
	}
	require.Equal(t, n, o.messages)
	require.Less(t, heapBytes()-before, int64(2<<20), "%d bytes wait", o.bytes)
	require.Equal(t, n, o.kill())
}
