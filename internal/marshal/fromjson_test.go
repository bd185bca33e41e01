package marshal

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/wire"
)

func TestJSONBecomesTheValuesAgain(t *testing.T) {
	for _, c := range written {
		values, ok := AppendJSON([]byte("before"), []byte(c.json))
		require.True(t, ok, c.json)
		require.True(t, strings.HasPrefix(string(values), "before"))
		got, ok := read(rowOf(string(values[len("before"):])))
		require.True(t, ok, c.json)
		require.Equal(t, c.json, got)
	}
}

func TestJSONOfOtherWriters(t *testing.T) {
	for json, want := range map[string]string{
		" [ 1 , -0 ,\t2.50,1E2,1e999 , -1e999]\n": "[1, 0, 2.5, 100.0, Infinity, -Infinity]",
		`{"a" : 1, "a":{ } , "é":[ ]}`:            `{"a": 1, "a": {}, "\u00e9": []}`,
		`"\/\u0041\ud83d\ude00 é"`:                `"/A\ud83d\ude00 \u00e9"`,
		`"` + strings.Repeat("x", 300) + `"`:      `"` + strings.Repeat("x", 300) + `"`,
		`"�"`:                                     `"\ufffd"`,
		"[-0.0, -2.5, -7e-1, 1e-400, 0.30000000000000004, 12345678901234567.5]": "[-0.0, -2.5, -0.7, 0.0, 0.30000000000000004, 1.2345678901234568e+16]",
		`0.1000000000000000055511151231257827`:                                  "0.1",
	} {
		values, ok := AppendJSON(nil, []byte(json))
		require.True(t, ok, json)
		got, ok := read(rowOf(string(values)))
		require.True(t, ok, json)
		require.Equal(t, want, got)
	}
}

func TestWhatOnlyPythonsJSONReads(t *testing.T) {
	for _, json := range []string{
		"18446744073709551616", "-18446744073709551616", strings.Repeat("9", 5000),
		`"\ud800"`, `["\udc00\ud800"]`, `{"\ud800": 1}`,
	} {
		require.True(t, wire.Valid([]byte(json)))
		out, ok := AppendJSON([]byte("before"), []byte(json))
		require.False(t, ok, json)
		require.Equal(t, "before", string(out))
	}
	for depth := range deepest + 2 {
		values, ok := AppendJSON(nil, []byte(strings.Repeat(`{"a": `, depth)+"1"+strings.Repeat("}", depth)))
		require.Equal(t, depth <= deepest, ok)
		if ok {
			_, ok = read(rowOf(string(values)))
			require.True(t, ok, depth)
		}
	}
}

func TestTextThatIsNotJSONIsRefused(t *testing.T) {
	for _, text := range []string{"", " ", "[", "[1", "[1,", "[1 2]", "[,]", `{"a"}`, `{"a":}`, `{1:2}`, "{", `{"a":1`,
		"tru", "x", "-", "1x", "1.2.3", "--1", `"`, `"a`, "1 2", "-Inf", "]", "Nan"} {
		_, ok := AppendJSON(nil, []byte(text))
		require.False(t, ok, text)
	}
}

// What is made of JSON can be read again, and is the same then.
func FuzzWriter(f *testing.F) {
	for _, c := range written {
		f.Add([]byte(c.json))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		values, ok := AppendJSON(nil, text)
		if !ok || !wire.Valid(text) {
			return // what is no JSON never gets here
		}
		require.LessOrEqual(t, len(values), 3*len(text)+8)
		got, ok := read(rowOf(string(values)))
		require.True(t, ok, text)
		again, ok := AppendJSON(nil, []byte(got))
		require.True(t, ok, got)
		require.Equal(t, values, again)
	})
}

func BenchmarkWriter(b *testing.B) {
	var room []byte
	for b.Loop() {
		room, _ = AppendJSON(room[:0], tick)
	}
}
