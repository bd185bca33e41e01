package zmtp

import (
	"bytes"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/testkit"
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
