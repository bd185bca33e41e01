package marshal

import (
	"encoding/binary"
	"math"
)

// rowOf is a list of one row with that data.
func rowOf(data string) []byte {
	return []byte("[\x01\x00\x00\x00(\x03\x00\x00\x00z\x01tz\x01o" + data)
}

// read gives the data of the only row.
func read(values []byte) (string, bool) {
	r := NewDecoder(values)
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

var tick = []byte(`["Tick",1763800000.000042,"BTCUSD",42010.50,1000000042]`)
