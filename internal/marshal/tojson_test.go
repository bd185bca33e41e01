package marshal

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/wire"
)

func TestMarshalOfPythonBecomesItsJSON(t *testing.T) {
	for _, c := range written {
		got, ok := read(rowOf(c.values))
		require.True(t, ok, c.json)
		require.Equal(t, c.json, got)
	}
}

func TestOtherValuesAreRefused(t *testing.T) {
	for _, values := range []string{
		"", "?", "s\x01\x00\x00\x00a", "r\x00\x00\x00\x00", "\xe9\x01\x00\x00\x00", "<\x00\x00\x00\x00",
		"l\x05\x00\x00\x00\x01\x00\x01\x00\x01\x00\x01\x00\x10\x00", "l\x01\x00\x00\x00\x00\x80", "l\x06\x00\x00\x00", "l\x00\x00\x00\x80", "u\xff\xff\xff\xff",
		"u\x03\x00\x00\x00\xed\xa0\x80", "u\x01\x00\x00\x00\xff", "{i\x01\x00\x00\x00N0", "{N", "[\xff\xff\xff\xffN", "[\xff\xff\xff\xff",
		"[\xff\xff\xff\x7fN", strings.Repeat("[\x01\x00\x00\x00", deepest+1) + "N", "NN",
	} {
		_, ok := read(rowOf(values))
		require.False(t, ok, "%q", values)
	}
	for _, rows := range []string{"", "N", "[\x01\x00\x00", "(\x01\x00\x00\x00", "[\x01\x00\x00\x00N",
		"[\x01\x00\x00\x00(\x02\x00\x00\x00z\x01tz\x01o", "[\x01\x00\x00\x00(\x03\x00\x00\x00Nz\x01oN"} {
		_, ok := read([]byte(rows))
		require.False(t, ok, "%q", rows)
	}
}

func TestValuesThatEndEarlyAreRefused(t *testing.T) {
	for _, c := range written {
		whole := rowOf(c.values)
		for n := range whole {
			_, ok := read(whole[:n])
			require.False(t, ok, "%q", whole[:n])
		}
	}
}

// Whatever comes, it does no harm, and what comes out is JSON that comes to the same.
func FuzzDecoder(f *testing.F) {
	for _, c := range written {
		f.Add(rowOf(c.values))
	}
	f.Fuzz(func(t *testing.T, values []byte) {
		text, ok := read(values)
		if !ok {
			return
		}
		require.True(t, wire.Valid([]byte(text)), text)
		again, ok := AppendJSON(nil, []byte(text))
		require.True(t, ok, text)
		got, ok := read(rowOf(string(again)))
		require.True(t, ok, text)
		require.Equal(t, text, got)
	})
}

func BenchmarkDecoder(b *testing.B) {
	values, _ := AppendJSON(nil, tick)
	values = rowOf(string(values))
	var room []byte
	for b.Loop() {
		r := NewDecoder(values)
		r.Rows()
		_, room, _ = r.Row(room)
	}
}
