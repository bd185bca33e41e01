package wire

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

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

func TestOnlyAnExactTrailerCounts(t *testing.T) {
	for n := range 60 {
		_, _, numbered, ok := ParseTime([]byte("1517670000.25" + strings.Repeat(" ", n)))
		require.True(t, ok)
		require.Equal(t, n == TrailerSize, numbered, "%d characters", n)
	}
}

func TestTimesSurviveToTheMicrosecond(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	dst := make([]byte, TimeSize)
	for range 20000 {
		micros := r.Int64N(9999999999_999999) >> (r.IntN(40))
		PutTime(dst, micros)
		want := fmt.Sprintf("%10d.%06d", micros/1e6, micros%1e6)
		require.Equal(t, want, string(dst))
		ts, _, _, ok := ParseTime(dst)
		require.True(t, ok)
		require.InDelta(t, float64(micros)/1e6, ts, 5e-6) // what a float64 holds
	}
	for _, c := range []struct {
		micros int64
		want   string
	}{{-1, "         0.000000"}, {math.MaxInt64, "9999999999.999999"}} {
		PutTime(dst, c.micros)
		require.Equal(t, c.want, string(dst))
	}
}

func TestNumbersAgreeWithStrconv(t *testing.T) {
	for _, s := range []string{"0", "1", "-1", "0.5", "1517670000", "1517670000.123456", "1517670000.1234567", "9007199254740993", "1e9", "1E+9", " 5\n", "123456789012345678901234567890", "4.35", "0.1", "12.", ".5", "01", "+1", "", "NaN", "Infinity", "1e999", "1_0", "0x1", "--1", "1.2.3"} {
		want := json.Unmarshal([]byte(s), new(float64)) == nil
		got, ok := parseNumber([]byte(s))
		require.Equal(t, want, ok, "%q", s)
		if want {
			f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
			require.NoError(t, err)
			require.Equal(t, f, got, "%q", s)
		}
	}
}

func TestTimesThatAreNoNumbersAreReadAs1xReadsThem(t *testing.T) {
	const early = math.SmallestNonzeroFloat64
	for text, want := range map[string]float64{
		`"1517670000.25"`: 1517670000.25, `" 1_000.5\n"`: 1000.5, `"+1e3"`: 1000, `"1517670000"`: 1517670000, `true`: 1,
		`0`: 0, `-0.0`: 0, `null`: 0, `false`: 0, `""`: 0, `[]`: 0, `{ }`: 0, ` [ ]`: 0, `NaN`: 0, `Infinity`: 0, `1e999`: 0,
		`-Infinity`: early, `-1e999`: early, `"0"`: early, `"nan"`: 0, `"Infinity"`: 0, `"-inf"`: early,
	} {
		for _, frame := range []string{text, text + strings.Repeat(" ", TrailerSize)} {
			p, err := Split(framed([]byte(`"t"`), []byte(`"o"`), []byte(`1`), []byte(frame)), new(StreamMemo))
			require.NoError(t, err, "%q", frame)
			require.Equal(t, want, p.TS, "%q", frame)
			require.Equal(t, text, string(p.Number))
		}
	}
	for _, text := range []string{`"x"`, `"1x"`, `"0x10"`, `"1p3"`, `"_1"`, `"1__0"`, `"1_"`, `" "`, `[1]`, `{"a":1}`, `nul`, `"1`} {
		_, err := Split(framed([]byte(`"t"`), []byte(`"o"`), []byte(`1`), []byte(text)), new(StreamMemo))
		require.ErrorIs(t, err, ErrTime, text)
	}
}
