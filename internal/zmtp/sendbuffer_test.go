package zmtp

import (
	"bytes"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/testkit"
)

// pair is two ends of a connection.
func pair(t testing.TB) (a, b net.Conn) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	require.NoError(t, err)
	ends := [2]net.Conn{}
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "pair")
		ends[i], err = net.FileConn(f)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		require.NoError(t, ends[i].SetDeadline(time.Now().Add(testkit.Soon)))
		t.Cleanup(func() { _ = ends[i].Close() })
	}
	return ends[0], ends[1]
}

func newSendBuffer(t testing.TB, messages int, bytes int64) (*sendBuffer, net.Conn) {
	a, b := pair(t)
	raw, err := newRawio(a)
	require.NoError(t, err)
	o := &sendBuffer{}
	o.init(raw, messages, bytes)
	return o, b
}

func TestSendBufferFits(t *testing.T) {
	o, _ := newSendBuffer(t, 10, 100)
	b := &batch.Batch{}
	for range 20 {
		b.AppendFrame(make([]byte, 18), false) // 20 bytes
	}
	require.Equal(t, 5, o.fits(b, 0, 20))
	require.Equal(t, 3, o.fits(b, 1, 4))
	o.bytes, o.messages = 50, 2
	require.Equal(t, 2, o.fits(b, 7, 20))
	o.bytes, o.messages = 40, 9
	require.Equal(t, 1, o.fits(b, 7, 20))
	o.bytes, o.messages = 100, 9
	require.Equal(t, 0, o.fits(b, 7, 20))
	o.bytes, o.messages = 0, 10
	require.Equal(t, 0, o.fits(b, 0, 20))
	o.messages = 0
	require.Equal(t, 1, o.fits(message(string(make([]byte, 1000))), 0, 1), "one too big for the queue has it for itself")
	o.bytes = 1
	require.Equal(t, 0, o.fits(message(string(make([]byte, 1000))), 0, 1))
}

// TestSendBufferKeepsOrderAndCounts mixes ranges, copies and commands, and takes them
// off in pieces of every size.
func TestSendBufferKeepsOrderAndCounts(t *testing.T) {
	b := &batch.Batch{}
	for i := range 40 {
		b.AppendFrame(bytes.Repeat([]byte{byte(i)}, i), false)
	}
	for piece := 1; piece < 200; piece += 3 {
		o, far := newSendBuffer(t, 1000, 1<<20)
		var want []byte
		add := func(i, j int, copied bool) {
			o.add(b, i, j, copied)
			want = append(want, b.Buf[b.Start(i):b.Ends[j-1]]...)
		}
		command := func() {
			o.addCommand([]byte("command"))
			want = append(want, "command"...)
		}
		add(0, 3, false)
		add(3, 5, false) // goes on where the last one ended
		require.Len(t, o.spans, 1)
		add(6, 7, false)
		command()
		add(8, 20, true)
		command()
		add(20, 21, true)
		require.Len(t, o.spans, 3, "copies and commands are one range")
		add(21, 40, false)
		require.Equal(t, 3+2+1+12+1+19, o.messages)
		require.Equal(t, int64(len(want)), o.bytes)

		var got []byte
		for len(got) < len(want) {
			before := o.messages
			count, offered := o.gather(o.io)
			n := min(piece, offered)
			for i := range count {
				v := o.io.out.vec[i]
				s := o.spans[o.head+i]
				require.Equal(t, s.end-s.off, int(v.Len))
			}
			head := o.spans[o.head]
			n = min(n, head.end-head.off)
			got = append(got, head.b.Buf[head.off:head.off+n]...)
			o.written(n)
			require.LessOrEqual(t, o.messages, before)
		}
		require.Equal(t, want, got)
		require.Zero(t, o.messages)
		require.Zero(t, o.bytes)
		require.Equal(t, uint64(38), o.sent)
		require.Nil(t, o.own)
		require.Empty(t, o.spans)
		_ = far.Close()
		_ = o.io.Close()
	}
}

// TestSendBufferWriterTakesOver: what the kernel does not take at once, the writer sends.
func TestSendBufferWriterTakesOver(t *testing.T) {
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

func TestSendBufferKill(t *testing.T) {
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

// TestSendBufferPinsLittle: a queue keeps about as much memory alive as it has bytes.
func TestSendBufferPinsLittle(t *testing.T) {
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

func TestBackoff(t *testing.T) {
	b := backoff{min: 100, max: 1000}
	seen := map[int]bool{}
	for range 200 {
		b.reset()
		bound := 100
		for range 8 {
			d := int(b.next())
			require.GreaterOrEqual(t, d, max(100, bound/2))
			require.LessOrEqual(t, d, bound)
			seen[d] = true
			bound = min(2*bound, 1000)
		}
	}
	require.Greater(t, len(seen), 100, "it is spread")
}
