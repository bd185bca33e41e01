package zmtp

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
)

func TestSpanQueueFits(t *testing.T) {
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
	require.Equal(t, 1, o.fits(message(string(make([]byte, 1000))), 0, 1), "one bigger than the queue is taken by an empty queue")
	o.bytes = 1
	require.Equal(t, 0, o.fits(message(string(make([]byte, 1000))), 0, 1))
}

// TestSpanQueuePush: spans of another queue become one with the last, are copied, or stay.
func TestSpanQueuePush(t *testing.T) {
	o, _ := newSendBuffer(t, 1000, 1<<20)
	b := batch.Get()
	for range 6 {
		b.AppendFrame(make([]byte, 400), false)
	}
	b.AppendFrame(make([]byte, sparseBytes), false)
	at := func(i, j int) span {
		b.Retain()
		return span{b, b.Start(i), b.Ends[j-1], i, j}
	}
	o.push(at(0, 1))
	o.push(at(1, 2))
	require.Len(t, o.spans, 1, "they lie side by side")
	o.push(at(3, 4))
	o.push(at(5, 6))
	require.Len(t, o.spans, 2, "small ones are copied together")
	require.True(t, o.spans[1].b == o.own)
	o.push(at(6, 7))
	require.Len(t, o.spans, 3, "a big one stays where it is")
	require.Equal(t, 5, o.messages)
	o.verify()
	o.discard()
	require.Equal(t, 7, b.Len(), "the last owner")
	b.Release()
	require.Zero(t, b.Len())
}

// TestSpanQueueKeepsOrderAndCounts mixes ranges, copies and commands, and takes them
// off in pieces of every size.
func TestSpanQueueKeepsOrderAndCounts(t *testing.T) {
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
				s := o.spans[o.head+i]
				require.Len(t, o.io.vectorAt(i), s.end-s.off)
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
