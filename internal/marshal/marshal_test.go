package marshal

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/wire"
)

// rowOf is a list of one row with that data.
func rowOf(data string) []byte {
	return []byte("[\x01\x00\x00\x00(\x03\x00\x00\x00z\x01tz\x01o" + data)
}

// read gives the data of the only row.
func read(values []byte) (string, bool) {
	r := NewReader(values)
	if n, ok := r.Rows(); !ok || n != 1 {
		return "", false
	}
	row, _, ok := r.Row(nil)
	if ok && (string(row.Topic) != `"t"` || string(row.Origin) != `"o"`) {
		return "", false
	}
	return string(row.Data), ok && r.Done()
}

func float(v float64) string {
	return string(binary.LittleEndian.AppendUint64([]byte{floatCode}, math.Float64bits(v)))
}

// What CPython's marshal.dumps(value, 2) writes, and json.dumps(value).
var written = []struct{ values, json string }{
	{"N", "null"},
	{"T", "true"},
	{"F", "false"},
	{"i\x00\x00\x00\x00", "0"},
	{"i\xff\xff\xff\xff", "-1"},
	{"l\x03\x00\x00\x00\x00\x00\x00\x00\x02\x00", "2147483648"},
	{"l\xfc\xff\xff\xff\xff\x7f\xff\x7f\xff\x7f\xff\x7f", "-1152921504606846975"},
	{"l\x05\x00\x00\x00\xff\x7f\xff\x7f\xff\x7f\xff\x7f\x07\x00", "9223372036854775807"},
	{"l\xfb\xff\xff\xff\xff\x7f\xff\x7f\xff\x7f\xff\x7f\x0f\x00", "-18446744073709551615"},
	{"l\xfd\xff\xff\xff\x00\x00\x00\x00\x02\x00", "-2147483648"},
	{"u\x00\x00\x00\x00", `""`},
	{"u\x09\x00\x00\x00a\"\\\n\x00\xc3\xa9\x7f/", `"a\"\\\n\u0000\u00e9\u007f/"`},
	{"u\x04\x00\x00\x00\xf0\x9f\x98\x80", `"\ud83d\ude00"`},
	{"z\x02ab", `"ab"`},
	{"[\x00\x00\x00\x00", "[]"},
	{"{0", "{}"},
	{"(\x02\x00\x00\x00NT", "[null, true]"},
	{"{u\x01\x00\x00\x00bNu\x01\x00\x00\x00a[\x01\x00\x00\x00F0", `{"b": null, "a": [false]}`},
	{float(0), "0.0"},
	{float(math.Copysign(0, -1)), "-0.0"},
	{float(42010.5), "42010.5"},
	{float(-100), "-100.0"},
	{float(1763800000.000042), "1763800000.000042"},
	{float(0.1), "0.1"},
	{float(1e15), "1000000000000000.0"},
	{float(9999999999999998), "9999999999999998.0"},
	{float(1e16), "1e+16"},
	{float(1.5e300), "1.5e+300"},
	{float(0.0001), "0.0001"},
	{float(0.00001), "1e-05"},
	{float(5e-324), "5e-324"},
	{float(math.NaN()), "NaN"},
	{float(math.Inf(1)), "Infinity"},
	{float(math.Inf(-1)), "-Infinity"},
}

func TestMarshalOfPythonBecomesItsJSON(t *testing.T) {
	for _, c := range written {
		got, ok := read(rowOf(c.values))
		require.True(t, ok, c.json)
		require.Equal(t, c.json, got)
	}
}

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
func FuzzReader(f *testing.F) {
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

var tick = []byte(`["Tick",1763800000.000042,"BTCUSD",42010.50,1000000042]`)

func BenchmarkWriter(b *testing.B) {
	var room []byte
	for b.Loop() {
		room, _ = AppendJSON(room[:0], tick)
	}
}

func BenchmarkReader(b *testing.B) {
	values, _ := AppendJSON(nil, tick)
	values = rowOf(string(values))
	var room []byte
	for b.Loop() {
		r := NewReader(values)
		r.Rows()
		_, room, _ = r.Row(room)
	}
}
