package wire

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
)

// New receivers see the mark, and to every other parser it is white space.
func TestAMarkIsSeenAndChangesNothingElse(t *testing.T) {
	for _, seq := range []Sequence{{0, 0}, {0xffff, 0xffffffff}, {0xffff, 7}, {7, 0xff}, {0x1234, 0xff00ffff}} {
		for _, number := range []string{"1517670000.123456", "1517670000.5", "0", "1e9", "-1.25", " 5"} {
			for _, trailer := range []string{"", trailerOf(seq)} {
				msg := texts(`"a/b"`, `"o"`, strings.Repeat("1", 240), number+trailer)
				at, ok := TimeAt(msg)
				require.True(t, ok)
				plain, err := Split(msg, &StreamMemo{})
				require.NoError(t, err)
				require.False(t, plain.Cached)

				marked := AppendMarked([]byte("before"), msg, at)[len("before"):]
				require.LessOrEqual(t, len(marked), len(msg)+CacheMarkRoom)
				p, err := Split(marked, &StreamMemo{})
				require.NoError(t, err)
				require.True(t, p.Cached)
				p.Cached = false
				require.Equal(t, plain, p, "%q", number+trailer)
				again, ok := TimeAt(marked)
				require.True(t, ok)
				require.Equal(t, marked, AppendMarked(nil, marked, again), "once is enough")

				frame := batch.Frames(nil, marked)[3]
				var ts float64
				require.NoError(t, json.Unmarshal(frame, &ts))
				require.Equal(t, plain.TS, ts)
				require.True(t, strings.HasSuffix(string(frame), trailer), "the trailer stays at the end")

				fresh := AppendRestamped(nil, marked, 1700000000_250000)
				q, err := Split(fresh, &StreamMemo{})
				require.NoError(t, err)
				require.False(t, q.Cached)
				require.Equal(t, 1700000000.25, q.TS)
				require.Equal(t, plain.Numbered, q.Numbered)
				require.Equal(t, plain.Sequence, q.Sequence)
				require.Equal(t, plain.Data, q.Data)
				require.Len(t, batch.Frames(nil, fresh), 4)
			}
		}
	}
}

// The time frame may change from the short form to the long one.
func TestAHeaderGrowsWithTheMark(t *testing.T) {
	for n := 240; n < 260; n++ {
		msg := texts(`""`, `""`, "1", strings.Repeat(" ", n-1)+"5")
		at, ok := TimeAt(msg)
		require.True(t, ok)
		marked := AppendMarked(nil, msg, at)
		require.LessOrEqual(t, len(marked), len(msg)+CacheMarkRoom)
		p, err := Split(marked, &StreamMemo{})
		require.NoError(t, err)
		require.True(t, p.Cached)
		require.Equal(t, 5.0, p.TS)
	}
}

func TestWhiteSpaceThatIsNoMark(t *testing.T) {
	for _, frame := range []string{"5\n", "5\r\n", "5    ", "5\r\r\r", "5\r\r\r\r\r", "5 \r\r\r\r", "\r\r\r\r", "\r\r\r\r5",
		"5" + trailerOf(Sequence{0xffff, 0xffffffff}), "5\r\r\r" + trailerOf(Sequence{1, 2}),
		"5\r\r\r\r\r" + trailerOf(Sequence{1, 2}), "5\r\r\r\rx" + trailerOf(Sequence{1, 2})[1:]} {
		require.Equal(t, -1, cacheMarkAt([]byte(frame)), "%q", frame)
	}
}

func TestWhatIsNoEnvelopeHasNoTime(t *testing.T) {
	for _, msg := range [][]byte{nil, texts("a"), texts(`"a"`, `"b"`, "1"), texts(`"a"`, `"b"`, "1", "2", "3"),
		texts("a", `"b"`, "1", "2"), texts(`"a"`, `"b"`, "1", "now"), texts(`"a"`, `"b"`, "1", ""),
		texts(`"a"`, `"b"`, "1", "\r\r\r\r"), texts(`"a"`, `"b"`, "1", "2")[:7]} {
		_, ok := TimeAt(msg)
		require.False(t, ok, "%q", msg)
	}
}

func FuzzCacheMark(f *testing.F) {
	f.Add([]byte(`"a"`), []byte("1.5"))
	f.Add([]byte(`"a"`), []byte("1.5\r\r\r\r"))
	f.Add([]byte(`"a"`), []byte("1517670000.123456"+trailerOf(Sequence{1, 2})))
	f.Fuzz(func(t *testing.T, topic, frame []byte) {
		msg := texts(string(topic), `"o"`, "1", string(frame))
		at, ok := TimeAt(msg)
		p, err := Split(msg, &StreamMemo{})
		require.Equal(t, err == nil, ok)
		if !ok {
			return
		}
		q, err := Split(AppendMarked(nil, msg, at), &StreamMemo{})
		require.NoError(t, err)
		require.True(t, q.Cached)
		require.Equal(t, bytes.TrimRight(p.Number, spaces), bytes.TrimRight(q.Number, spaces))
		q.Cached, q.Number = p.Cached, p.Number
		require.Equal(t, p, q)
		r, err := Split(AppendRestamped(nil, AppendMarked(nil, msg, at), 5_000000), &StreamMemo{})
		require.NoError(t, err)
		require.Equal(t, 5.0, r.TS)
		require.Equal(t, p.Sequence, r.Sequence)
	})
}
