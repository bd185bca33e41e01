package wire

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestJSONIterAgreesWithTheStandardLibrary(t *testing.T) {
	for _, v := range []any{nil, true, 1, -1.5, 1e21, 1e-7, "a<b>&\u2028\"\\\n\u00e9", []any{1, "x", nil, map[string]any{"k": []int{}}},
		map[string]any{"b": 1, "a": 2}, struct {
			A int     `json:"a"`
			B *string `json:"b,omitempty"`
		}{A: 3}} {
		ours, err := Marshal(v)
		require.NoError(t, err)
		theirs, err := json.Marshal(v)
		require.NoError(t, err)
		var a, b any
		require.NoError(t, json.Unmarshal(ours, &a))
		require.NoError(t, json.Unmarshal(theirs, &b))
		require.Equal(t, b, a)
		var c any
		require.NoError(t, Unmarshal(theirs, &c))
		require.Equal(t, b, c)
	}
}

// plainValues are values of all types that IsPlain, the odd ones among them.
func plainValues() []any {
	type named string
	values := []any{true, false, "", "BTC/USD", "a\"\\\n", "\u00e9\u2028", "\x7f", named("x"), int8(-128), int16(5), int32(-1), int(7),
		uint8(255), uint16(1), uint32(math.MaxUint32), uint(3), int64(math.MinInt64), int64(math.MaxInt64), uint64(math.MaxUint64)}
	for _, f := range []float64{0, math.Copysign(0, -1), 1, 0.1, 42010.5, 1763800000.000042, 3999999999.999999, 4e9, 1e-4, 9.9e-5, 1e-6,
		1e-7, 1e15, 1e20, 1e21, 1e22, 5e-324, math.MaxFloat64, 0.1234567, 123456.7890125} {
		values = append(values, f, -f)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		f := math.Float64frombits(random.Uint64())
		if !math.IsNaN(f) && !math.IsInf(f, 0) {
			values = append(values, f)
		}
		values = append(values, float64(random.Int64N(4e15))/1e6, random.Float64(), random.Int64()>>random.IntN(64))
	}
	return values
}

func TestPlainValuesAreWrittenAndReadAsByJSONIter(t *testing.T) {
	for _, value := range plainValues() {
		v := reflect.ValueOf(value)
		require.True(t, IsPlain(v.Type()), "%T", value)
		want, err := Marshal(value)
		require.NoError(t, err)
		got, err := AppendPlain([]byte("x"), v)
		require.NoError(t, err)
		require.Equal(t, "x"+string(want), string(got))
		back := reflect.New(v.Type())
		require.NoError(t, LoadPlain(back.Elem(), want))
		require.Equal(t, value, back.Elem().Interface())
	}
}

func TestWhatIsNotOfThePlainTypeIsRefusedAsByJSONIter(t *testing.T) {
	for _, text := range []string{`null`, `"5"`, `5`, `-5`, `05`, `5.0`, `5e0`, `1.5`, `256`, `-129`, `1e999`, `NaN`, `true`, `[]`, `{}`, `""`,
		`"\u0041"`, `9223372036854775808`, `18446744073709551616`, `-`, ``} {
		for _, kind := range []any{true, int8(1), int64(1), uint8(1), uint64(1), 1.5, "a"} {
			ours, theirs := reflect.New(reflect.TypeOf(kind)), reflect.New(reflect.TypeOf(kind))
			ours.Elem().Set(reflect.ValueOf(kind))
			theirs.Elem().Set(reflect.ValueOf(kind))
			err, want := LoadPlain(ours.Elem(), []byte(text)), Unmarshal([]byte(text), theirs.Interface())
			require.Equal(t, want == nil, err == nil, "%T from %s: %v, %v", kind, text, err, want)
			if err == nil {
				require.Equal(t, theirs.Elem().Interface(), ours.Elem().Interface(), "%T from %s", kind, text)
			}
		}
	}
	_, err := AppendPlain(nil, reflect.ValueOf(math.NaN()))
	require.Error(t, err)
}

func TestTypesThatEncodeThemselvesAreNotPlain(t *testing.T) {
	for _, value := range []any{json.Number("5"), json.RawMessage("5"), any(nil), []int{}, float32(1), uintptr(1), struct{}{}, new(int)} {
		require.False(t, value != nil && IsPlain(reflect.TypeOf(value)), "%T", value)
	}
}

func TestElementsAreThoseOfTheArray(t *testing.T) {
	got, err := Elements([]byte(` [1, "a,]" ,[2,[3]],{"k":[4]} , null ] `), nil)
	require.NoError(t, err)
	require.Equal(t, `["1" "\"a,]\"" "[2,[3]]" "{\"k\":[4]}" "null"]`, fmt.Sprintf("%q", got))
	got, err = Elements([]byte(`[ ]`), nil)
	require.NoError(t, err)
	require.Empty(t, got)
	for _, text := range []string{``, `[`, `[1`, `[1,`, `[1,]`, `[,1]`, `[1 2]`, `[1] 2`, `[] 2`} {
		_, err = Elements([]byte(text), nil)
		require.ErrorIs(t, err, ErrJSON, text)
	}
	_, err = Elements([]byte(`{"a": 1}`), nil)
	require.ErrorContains(t, err, "not an array")
}
