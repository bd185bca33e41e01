package linkmessage

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
)

// framed is messages of frames, as a batch has them.
func framed(messages ...[]string) []byte {
	b := batch.Get()
	defer b.Release()
	for _, frames := range messages {
		for i, f := range frames {
			b.AppendFrame([]byte(f), i < len(frames)-1)
		}
	}
	return bytes.Clone(b.Buf)
}

// written is a message of this package.
func written(h Header, messages []byte) []byte {
	data := append(Begin(nil), messages...)
	Finish(data, h)
	return data
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	messages := framed([]string{`"t"`, "o", "1", "0"}, []string{`"t"`, ""}, []string{`"t"`, string(make([]byte, 300)), "x"})
	h, rest, err := ReadHeader(written(Header{Run: 1 << 63, Number: 7}, messages))
	require.NoError(t, err)
	require.Equal(t, Header{Run: 1 << 63, Number: 7}, h)
	b := batch.Get()
	defer b.Release()
	b.AppendFrame([]byte("before"), false)
	require.NoError(t, Append(b, rest))
	require.Equal(t, 4, b.Len())
	require.Equal(t, "before", string(batch.Topic(b.Message(0))))
	require.Equal(t, `"t"`, string(batch.Topic(b.Message(1))))
	require.Equal(t, messages, b.Buf[b.Ends[0]:])
	require.Equal(t, len(b.Buf), b.Ends[3])
}

func TestTheHeaderIsRefusedIfItIsAnother(t *testing.T) {
	good := written(Header{}, framed([]string{"x"}))
	for _, spoil := range []func([]byte) []byte{
		func([]byte) []byte { return nil },
		func(p []byte) []byte { return p[:HeaderSize-1] },
		func(p []byte) []byte { p[0] = 'H'; return p },
		func(p []byte) []byte { p[1] = 0; return p },
		func(p []byte) []byte { p[2]++; return p },
		func(p []byte) []byte { p[3]++; return p },
	} {
		_, _, err := ReadHeader(spoil(bytes.Clone(good)))
		require.ErrorIs(t, err, ErrMalformed)
	}
}

func TestMalformedMessagesAreRefusedAsAWhole(t *testing.T) {
	good := framed([]string{"a", "b"})
	many := bytes.Repeat([]byte{0, 0}, MaxMessages+1)
	frames := append(bytes.Repeat([]byte{batch.FlagMore, 0}, MaxFrames), 0, 0)
	for name, messages := range map[string][]byte{
		"nothing":           {},
		"a header cut off":  append(bytes.Clone(good), 0),
		"a body cut off":    append(bytes.Clone(good), 0, 2, 'x'),
		"no last frame":     append(bytes.Clone(good), good[:3]...),
		"another topic":     append(bytes.Clone(good), framed([]string{"b", "b"})...),
		"a command":         append(bytes.Clone(good), batch.FlagCommand, 0),
		"an unknown flag":   append(bytes.Clone(good), 0x80, 0),
		"a length too long": append(bytes.Clone(good), batch.FlagLong, 255, 255, 255, 255, 255, 255, 255, 255),
		"too many messages": many,
		"too many frames":   frames,
	} {
		b := batch.Get()
		b.AppendFrame([]byte("before"), false)
		require.ErrorIs(t, Append(b, messages), ErrMalformed, name)
		require.Equal(t, 1, b.Len(), name)
		require.Equal(t, "before", string(batch.Topic(b.Message(0))), name)
		require.Equal(t, b.Ends[0], len(b.Buf), name)
		b.Release()
	}
	b := batch.Get()
	defer b.Release()
	require.NoError(t, Append(b, many[2:]))
	require.NoError(t, Append(b, frames[2:]))
}

// FuzzRead: whatever arrives is refused, or is whole messages that are as they were.
func FuzzRead(f *testing.F) {
	f.Add(written(Header{1, 2}, framed([]string{"a", "b"}, []string{"a", "c"})))
	f.Add(written(Header{}, framed([]string{string(make([]byte, 300))})))
	f.Add(written(Header{}, nil))
	f.Add([]byte("hl"))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, rest, err := ReadHeader(data)
		if err != nil {
			require.ErrorIs(t, err, ErrMalformed)
			return
		}
		b := batch.Get()
		defer b.Release()
		if err := Append(b, rest); err != nil {
			require.ErrorIs(t, err, ErrMalformed)
			require.Zero(t, b.Len()+b.Size())
			return
		}
		require.Equal(t, rest, b.Buf)
		require.Equal(t, len(rest), b.Ends[b.Len()-1])
		for i := range b.Len() {
			require.NotEmpty(t, batch.Frames(nil, b.Message(i)))
		}
		require.Equal(t, data, written(h, b.Buf))
	})
}
