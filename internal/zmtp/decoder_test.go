package zmtp

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/flow"
)

// newDecoder is a decoder without a connection: commands are not answered.
func newDecoder(deliver func(*batch.Batch), l messageLimits) *decoder {
	i := &inlet{deliver: func(_ *flow.Source, b *batch.Batch) { deliver(b) }}
	i.cfg = carrier.Config{}.WithDefaults()
	i.born = time.Now()
	c := &conn{s: &i.socket}
	c.source.Store(flow.New(1, "", true))
	c.out.init(nil, 0, 0)
	c.out.dead = true
	return &decoder{in: i, c: c, limits: l}
}

var generous = messageLimits{frames: 1000, bytes: 1 << 40}

// feed gives the decoder a stream in pieces, whose sizes next chooses.
func feed(t *decoder, stream []byte, next func() int) error {
	for len(stream) > 0 {
		n := min(next(), len(stream))
		piece := stream[:n]
		stream = stream[n:]
		for len(piece) > 0 {
			k := copy(t.room(), piece)
			piece = piece[k:]
			if err := t.consume(k); err != nil {
				return err
			}
		}
		t.idle()
	}
	return nil
}

// decode is the simple model to compare with: the framed messages in a stream, and whether it is
// broken behind them.
func decode(stream []byte, l messageLimits) (messages [][]byte, broken bool) {
	var msg []byte
	frames, body := 0, uint64(0)
	for {
		flags, head, size, err := parseHeader(stream)
		if err != nil {
			return messages, !errors.Is(err, errShortFrame)
		}
		isCommand := flags&batch.FlagCommand != 0
		if isCommand && size > maxCommand || !isCommand && (frames == l.frames || body+size > l.bytes) {
			return messages, true
		}
		if size > uint64(len(stream)-head) {
			return messages, false
		}
		whole := stream[:head+int(size)]
		stream = stream[len(whole):]
		if isCommand {
			name, data, err := parseCommand(whole[head:])
			if err != nil || name == cmdPing && len(data) < 2 {
				return messages, true
			}
			continue
		}
		msg = append(msg, whole...)
		frames, body = frames+1, body+size
		if flags&batch.FlagMore == 0 {
			messages, msg, frames, body = append(messages, msg), nil, 0, 0
		}
	}
}

func collect(got *[][]byte) func(*batch.Batch) {
	return func(b *batch.Batch) {
		for i := range b.Len() {
			*got = append(*got, bytes.Clone(b.Message(i)))
		}
	}
}

func TestDecoderInPieces(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	var b batch.Batch
	var stream []byte
	for i := range 800 {
		b.Reset()
		for range random.IntN(4) {
			b.AppendFrame(make([]byte, random.IntN(300)), true)
		}
		size := random.IntN(40)
		if i%400 == 399 {
			size = random.IntN(400_000)
		}
		b.AppendFrame(bytes.Repeat([]byte{byte(i)}, size), false)
		stream = append(stream, b.Buf...)
		if random.IntN(3) == 0 {
			stream = appendCommand(stream, cmdPong, []byte("x"))
		}
	}
	for _, size := range []int{1, 7, 1000, 80_000, len(stream)} {
		part := stream[:min(len(stream), size*100_000)]
		want, broken := decode(part, generous)
		require.False(t, broken)
		require.Greater(t, len(want), 100)
		var got [][]byte
		in := newDecoder(collect(&got), generous)
		require.NoError(t, feed(in, part, func() int { return 1 + random.IntN(size) }))
		require.Equal(t, want, got)
		in.release()
		require.Nil(t, in.b)
	}
}

// TestDecoderCommandsBetweenFrames: libzmq sends a PING whenever its time has come.
func TestDecoderCommandsBetweenFrames(t *testing.T) {
	msg := message("a", "b", "c").Buf
	ping := appendPing(nil)
	stream := bytes.Join([][]byte{ping, msg[:3], ping, ping, msg[3:6], ping, msg[6:], ping, msg, ping}, nil)
	for size := 1; size <= len(stream); size++ {
		var got [][]byte
		require.NoError(t, feed(newDecoder(collect(&got), generous), stream, func() int { return size }))
		require.Equal(t, [][]byte{msg, msg}, got)
	}
}

func TestDecoderLimits(t *testing.T) {
	small := messageLimits{frames: 3, bytes: 100}
	for name, c := range map[string]struct {
		stream []byte
		reason string
	}{
		"frames":        {message("a", "b", "c", "d").Buf[:11], "more than 3 frames"},
		"bytes":         {message("a", string(make([]byte, 100))).Buf[:5], "more than 100 bytes"},
		"claimed bytes": {[]byte{2, 0, 0, 0, 1, 0, 0, 0, 0}, "more than 100 bytes"},
		"absurd bytes":  {[]byte{2, 255, 255, 255, 255, 255, 255, 255, 255}, "broken framing"},
		"command":       {[]byte{6, 0, 0, 0, 0, 0, 1, 0, 1}, "a command of 65537 bytes"},
		"reserved":      {[]byte{8, 0}, "reserved flags"},
		"nameless":      {[]byte{4, 0}, "malformed command"},
		"short ping":    {[]byte("\x04\x06\x04PING\x00"), "malformed PING"},
	} {
		var got [][]byte
		stream := append(message("fine").Buf, c.stream...)
		require.ErrorContains(t, feed(newDecoder(collect(&got), small), stream, func() int { return 4 }), c.reason, name)
		require.Len(t, got, 1, name)
	}
}

// Memory grows with what has arrived, not with what a header announces.
func TestDecoderMemoryGrowsWithWhatHasArrived(t *testing.T) {
	in := newDecoder(func(*batch.Batch) {}, generous)
	before := heapBytes()
	for range 4 {
		in.release()
		require.NoError(t, feed(in, []byte{2, 0, 0, 0, 0x10, 0, 0, 0, 0}, func() int { return 9 })) // 64 GiB
		require.NoError(t, feed(in, make([]byte, 300_000), func() int { return 1000 }))
	}
	require.Less(t, heapBytes()-before, int64(2<<20))
	runtime.KeepAlive(in)
}

// Incomplete messages of many peers take no arenas.
func TestDecoderParksIncompleteMessages(t *testing.T) {
	const peers = 500
	all := make([]*decoder, peers)
	count := 0
	before := heapBytes()
	msg := message("topic", string(make([]byte, 1000))).Buf
	for i := range all {
		all[i] = newDecoder(func(b *batch.Batch) { count += b.Len() }, generous)
		require.NoError(t, feed(all[i], msg[:500], func() int { return 100 }))
	}
	require.Less(t, heapBytes()-before, int64(peers*4000))
	for i := range all {
		require.NoError(t, feed(all[i], msg[500:], func() int { return 100 }))
	}
	require.Equal(t, peers, count)
}

func TestDecoderShrinksAgain(t *testing.T) {
	sizes := []int{}
	in := newDecoder(func(b *batch.Batch) { sizes = append(sizes, cap(b.Buf)) }, generous)
	big := message(string(make([]byte, 8<<20))).Buf
	one := func() int { return 1 << 20 }
	require.NoError(t, feed(in, big, one))
	require.Len(t, sizes, 1)
	require.LessOrEqual(t, sizes[0], len(big)+len(big)/4, "a big message has an arena of about its size")
	for range 50 {
		require.NoError(t, feed(in, message("small").Buf, one))
	}
	require.Less(t, sizes[len(sizes)-1], 1<<20)
}

func TestDecoderManyTiny(t *testing.T) {
	const n = 1_000_000
	stream := bytes.Repeat([]byte{0, 0}, n)
	count := 0
	in := newDecoder(func(b *batch.Batch) {
		count += b.Len()
		if b.Len() > maxBatch {
			t.Errorf("%d messages in a batch", b.Len())
		}
	}, generous)
	require.NoError(t, feed(in, stream, func() int { return 1 << 20 }))
	require.Equal(t, n, count)
}

// The decoder allocates neither per message nor per batch.
func TestDecoderAllocatesNothing(t *testing.T) {
	var b batch.Batch
	for range 200 {
		tick(&b, `"ticks/aapl"`)
	}
	in := newDecoder(func(*batch.Batch) {}, generous)
	all := func() int { return len(b.Buf) }
	per := testing.AllocsPerRun(200, func() { _ = feed(in, b.Buf, all) })
	require.Less(t, per, 20.0, "for 200 messages; the pool may lose an arena to the garbage collector now and then")
}

// FuzzDecoder compares with decode, whatever comes in whatever pieces.
func FuzzDecoder(f *testing.F) {
	f.Add(message("a", "b").Buf, uint16(3), uint16(10), uint16(1000))
	f.Add(append(appendPing(nil), message("a", "bc", "").Buf...), uint16(1), uint16(2), uint16(3))
	f.Add(append(message("x").Buf, 2, 0, 0, 0, 0, 0, 0, 1, 0), uint16(5), uint16(3), uint16(300))
	f.Fuzz(func(t *testing.T, stream []byte, piece, frames, size uint16) {
		l := messageLimits{frames: 1 + int(frames), bytes: uint64(size)}
		want, broken := decode(stream, l)
		var got [][]byte
		err := feed(newDecoder(collect(&got), l), stream, func() int { return 1 + int(piece) })
		require.Equal(t, broken, err != nil, "%v", err)
		require.Equal(t, want, got)
	})
}

func TestMessageLimits(t *testing.T) {
	i := newInlet(t, carrier.SUB, []string{""}, bind("tcp://127.0.0.1:*"), func(c *carrier.Config) {
		c.MaxMessage, c.Limits.Frames = 1000, 3
	})
	for n, c := range []struct {
		sends  []byte
		reason string
	}{
		{message(string(make([]byte, 600)), string(make([]byte, 401))).Buf, "more than 1000 bytes"},
		{[]byte{2, 0x0f, 0, 0, 0, 0, 0, 0, 0}, "more than 1000 bytes"},
		{message("a", "b", "c", "d").Buf, "more than 3 frames"},
		{[]byte{6, 0, 0, 0, 0, 1, 0, 0, 0}, "a command of 16777216 bytes"},
	} {
		p := connectRaw(t, i.address())
		p.shakeHands("PUB", 1)
		p.send(message(string(make([]byte, 500)), string(make([]byte, 500))).Buf, c.sends)
		p.requireHungUp()
		require.Contains(t, i.eventLog.wait(t, carrier.Disconnected, n+1).Reason, c.reason)
		i.sink.wait(t, n+1)
	}
}
