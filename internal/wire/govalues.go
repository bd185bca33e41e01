package wire

import (
	"math"
	"reflect"
	"strconv"

	jsoniter "github.com/json-iterator/go"
)

// Go values are encoded and decoded by json-iterator, but for the plain ones: bool, integers,
// float64 and string, of types without methods. Those are written as json-iterator writes them,
// and read from the texts that leave no doubt; all other texts are for json-iterator, which
// decides what is an error.

// api is json-iterator configured to agree with encoding/json, except for the escapes of
// HTML, which JSON does not need and Python does not write.
var api = jsoniter.Config{SortMapKeys: true, ValidateJsonRawMessage: true}.Froze()

// Marshal encodes a Go value as data.
func Marshal(v any) ([]byte, error) { return api.Marshal(v) }

// AppendMarshal appends what Marshal returns. On error dst is as long as it was.
func AppendMarshal(dst []byte, v any) ([]byte, error) {
	stream := api.BorrowStream(nil)
	defer api.ReturnStream(stream)
	stream.WriteVal(v)
	if stream.Error != nil {
		return dst, stream.Error
	}
	return append(dst, stream.Buffer()...), nil
}

// Unmarshal decodes data into a Go value. NaN and the infinities, which Python writes, are
// an error, as in every Go decoder.
func Unmarshal(data []byte, v any) error { return api.Unmarshal(data, v) }

// IsPlain says whether AppendPlain and LoadPlain take values of a type. A type with methods
// may encode itself, and json.Number is not the string that it seems to be.
func IsPlain(t reflect.Type) bool {
	if t.NumMethod() > 0 || reflect.PointerTo(t).NumMethod() > 0 {
		return false
	}
	k := t.Kind()
	return k == reflect.Bool || reflect.Int <= k && k <= reflect.Uint64 || k == reflect.Float64 || k == reflect.String
}

// AppendPlain appends the JSON of a value of a type that IsPlain. On error dst is as long as
// it was.
func AppendPlain(dst []byte, v reflect.Value) ([]byte, error) {
	switch k := v.Kind(); {
	case k == reflect.Bool:
		return strconv.AppendBool(dst, v.Bool()), nil
	case k == reflect.String:
		if s := v.String(); isPlain(s) {
			return append(append(append(dst, '"'), s...), '"'), nil
		}
		return AppendMarshal(dst, v.String())
	case k == reflect.Float64:
		return appendFloat(dst, v.Float())
	case k <= reflect.Int64:
		return strconv.AppendInt(dst, v.Int(), 10), nil
	}
	return strconv.AppendUint(dst, v.Uint(), 10), nil
}

// appendFloat appends the shortest decimal of a float64.
func appendFloat(dst []byte, f float64) ([]byte, error) {
	magnitude := math.Abs(f)
	// Times and prices have at most six places. Below this limit floats are less than a
	// millionth apart, so one with that few places has no shorter text, and no other.
	if magnitude < 4e9 && magnitude >= 1e-4 {
		if millionths := uint64(magnitude*1e6 + 0.5); float64(millionths)/1e6 == magnitude {
			return appendMillionths(dst, f < 0, millionths), nil
		}
	}
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return AppendMarshal(dst, f) // its error
	case magnitude != 0 && (magnitude < 1e-6 || magnitude >= 1e21):
		return strconv.AppendFloat(dst, f, 'e', -1, 64), nil
	}
	return strconv.AppendFloat(dst, f, 'f', -1, 64), nil
}

// appendMillionths appends a decimal without zeros behind its last place.
func appendMillionths(dst []byte, negative bool, millionths uint64) []byte {
	if negative {
		dst = append(dst, '-')
	}
	dst = strconv.AppendUint(dst, millionths/1e6, 10)
	places := millionths % 1e6
	if places == 0 {
		return dst
	}
	text := [7]byte{'.'}
	for i := 6; i > 0; i-- {
		text[i] = byte('0' + places%10)
		places /= 10
	}
	n := len(text)
	for text[n-1] == '0' {
		n--
	}
	return append(dst, text[:n]...)
}

// LoadPlain sets a variable of a type that IsPlain from data. Like Unmarshal it leaves the
// variable as it is where the data is null.
func LoadPlain(v reflect.Value, data []byte) error {
	n := len(data)
	switch k := v.Kind(); {
	case k == reflect.String && n >= 2 && data[0] == '"':
		if body := data[1 : n-1]; isPlain(body) {
			if v.String() != string(body) { // else there is nothing to allocate
				v.SetString(string(body))
			}
			return nil
		}
	case k == reflect.Float64 && n > 0 && (isDigit(data[0]) || data[0] == '-'):
		if f, ok := parseNumber(data); ok {
			v.SetFloat(f)
			return nil
		}
	case k == reflect.Bool && string(data) == "true", k == reflect.Bool && string(data) == "false":
		v.SetBool(data[0] == 't')
		return nil
	case reflect.Uint <= k && k <= reflect.Uint64:
		if u, ok := digitsOf(data); ok && !v.OverflowUint(u) {
			v.SetUint(u)
			return nil
		}
	case reflect.Int <= k && k <= reflect.Int64 && n > 0:
		if i, ok := integerOf(data); ok && !v.OverflowInt(i) {
			v.SetInt(i)
			return nil
		}
	}
	return Unmarshal(data, v.Addr().Interface())
}

// integerOf reads an integer of less than 19 digits.
func integerOf(data []byte) (int64, bool) {
	if data[0] == '-' {
		u, ok := digitsOf(data[1:])
		return -int64(u), ok
	}
	u, ok := digitsOf(data)
	return int64(u), ok
}

// digitsOf reads less than 19 digits, the first of which may not be a zero before others.
func digitsOf(data []byte) (u uint64, ok bool) {
	if n := len(data); n == 0 || n > 18 || data[0] == '0' && n > 1 {
		return 0, false
	}
	for _, c := range data {
		if !isDigit(c) {
			return 0, false
		}
		u = u*10 + uint64(c-'0')
	}
	return u, true
}

// Elements appends to dst views of the elements of a JSON array. A text that is not JSON is
// ErrJSON.
func Elements(text []byte, dst [][]byte) ([][]byte, error) {
	i := skipSpace(text, 0)
	if i == len(text) || text[i] != '[' {
		return nil, wrongText(text, "it is not an array")
	}
	if i = skipSpace(text, i+1); i < len(text) && text[i] == ']' {
		return dst, behindArray(text, i+1)
	}
	for {
		begin := skipSpace(text, i)
		end := skipValue(text, begin)
		if end < 0 {
			return nil, ErrJSON
		}
		dst = append(dst, text[begin:end])
		i = skipSpace(text, end)
		switch {
		case i < len(text) && text[i] == ',':
			i++
		case i < len(text) && text[i] == ']':
			return dst, behindArray(text, i+1)
		default:
			return nil, ErrJSON
		}
	}
}
