package wire

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func FuzzValid(f *testing.F) {
	for _, s := range []string{`[1,2.5e-7,"\u00e9",{"a":null}]`, `NaN`, `-Infinity`, `"\ud800"`, `{"a":[{"b":-0}]}`, "[", `"\`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got := Valid(data)
		if bytes.Contains(data, []byte("NaN")) || bytes.Contains(data, []byte("Infinity")) {
			return // Python's additions, which the standard library refuses
		}
		want := json.Valid(data) && utf8.Valid(data)
		if want && !got {
			require.Greater(t, bytes.Count(data, []byte("["))+bytes.Count(data, []byte("{")), MaxDepth)
			return
		}
		require.Equal(t, want, got)
	})
}

func FuzzSplit(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(framed(v.frames(f)...))
	}
	f.Add([]byte{1, 0, 1, 0, 1, 0, 0, 0})
	f.Add([]byte{2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, msg []byte) {
		var memo StreamMemo
		p, err := Split(msg, &memo)
		for range shapeStays + 1 { // the first time as afterwards
			q, again := Split(msg, &memo)
			require.Equal(t, err, again)
			if err == nil {
				require.Equal(t, p, q)
			}
		}
		if err != nil {
			return
		}
		var topic, origin string
		require.NoError(t, json.Unmarshal(p.Topic, &topic))
		require.NoError(t, json.Unmarshal(p.Origin, &origin))
		require.Equal(t, topic, string(Text(p.Topic, nil)))
		require.Equal(t, origin, string(Text(p.Origin, nil)))
	})
}

func FuzzString(f *testing.F) {
	for _, s := range []string{"", "plain", "caf\u00e9", "\U0001f600", "\"\\\n\r\t\f\b\x7f\x00", "\xff", "\ufffd"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		out, err := AppendString(nil, s)
		if !utf8.ValidString(s) {
			require.ErrorIs(t, err, ErrUTF8)
			return
		}
		require.NoError(t, err)
		require.True(t, ValidString(out))
		require.Equal(t, s, string(Text(out, nil)))
		for _, c := range out {
			require.True(t, c >= 0x20 && c <= 0x7e)
		}
	})
}

func FuzzTime(f *testing.F) {
	for _, s := range []string{"1517670000.25", "1e9", "0", "-1.5", "1517670000.25                        ", `"1_0.5"`, "[ ]", "null", "1e999"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		ts, _, _, ok := ParseTime(frame)
		var want float64
		err := json.Unmarshal(frame, &want)
		if !Valid(frame) {
			require.False(t, ok)
		}
		if err == nil { // null is 0 for both
			require.True(t, ok)
			require.Equal(t, want, ts)
		}
	})
}
