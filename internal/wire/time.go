package wire

import (
	"bytes"
	"errors"
	"math"
	"strconv"
)

// TimeSize is the length of the timestamps that hermes writes: ten digits of seconds,
// padded with spaces in front, a point, and six digits of microseconds. Because it is
// fixed, the sender can fill in the time at the last moment.
const TimeSize = 17

// pairs holds "00" to "99".
var pairs = func() (t [200]byte) {
	for i := 0; i < 100; i++ {
		t[2*i], t[2*i+1] = byte('0'+i/10), byte('0'+i%10)
	}
	return
}()

// PutTime writes micros, microseconds since the Unix epoch, into the first
// TimeSize bytes of dst. Times before 1970 or beyond ten digits of seconds (the
// year 2286) are written as the nearest that fits. A shorter number of seconds has spaces
// in front, because a JSON number has no leading zeros.
func PutTime(dst []byte, micros int64) {
	micros = min(max(micros, 0), 9999999999_999999)
	sec, frac := uint64(micros)/1e6, uint64(micros)%1e6
	_ = dst[TimeSize-1]
	for i := 15; i >= 11; i -= 2 {
		copy(dst[i:i+2], pairs[2*(frac%100):])
		frac /= 100
	}
	dst[10] = '.'
	for i := 8; i >= 0; i -= 2 {
		copy(dst[i:i+2], pairs[2*(sec%100):])
		sec /= 100
	}
	for i := 0; i < 9 && dst[i] == '0'; i++ {
		dst[i] = ' '
	}
}

// ParseTime reads frame 3: a time, and a trailer, which is exactly TrailerSize
// white-space characters behind the time. The time is a JSON number, or what 1.x accepts
// as one: a string of a number, or true. ts is 0 where the time of arrival counts instead:
// for 0, null and everything else that is false in Python, and for a time that cannot be
// compared. ok is false for everything else.
func ParseTime(frame []byte) (ts float64, seq Sequence, numbered, ok bool) {
	number := frame
	if n := len(frame) - TrailerSize; n > 0 && !isSpace(frame[n-1]) {
		if seq, numbered = parseTrailer(frame[n:]); numbered {
			number = frame[:n]
		}
	}
	if ts, ok = parseNumber(number); !ok {
		ts, ok = parseOddTime(number)
	}
	return ts, seq, numbered && ok, ok
}

// parseOddTime reads a time that is not a finite number.
func parseOddTime(p []byte) (ts float64, ok bool) {
	if !Valid(p) {
		return 0, false
	}
	p = trimSpace(p)
	switch p[0] {
	case '"':
		if len(p) == len(`""`) {
			return 0, true
		}
		return parsePythonFloat(Text(p, nil))
	case '[', '{':
		return 0, len(p) == 2 || len(trimSpace(p[1:len(p)-1])) == 0
	case 't':
		return 1, true
	case 'n', 'f', 'N', 'I':
		return 0, true
	}
	ts, _ = strconv.ParseFloat(string(p), 64) // an infinity where it is out of range
	return comparable(ts), true
}

// comparable is ts as a number that can be subtracted from a clock: minus infinity becomes
// the least positive number, infinity and NaN become 0.
func comparable(ts float64) float64 {
	switch {
	case math.IsInf(ts, -1):
		return math.SmallestNonzeroFloat64
	case math.IsInf(ts, 1) || math.IsNaN(ts):
		return 0
	}
	return ts
}

// parsePythonFloat reads what Python's float reads: decimal numbers with a sign and an
// exponent, with underscores between digits and white space around, and the words for
// infinity and NaN.
func parsePythonFloat(text []byte) (ts float64, ok bool) {
	text = bytes.TrimSpace(text)
	for i, c := range text {
		digits := i > 0 && i < len(text)-1 && text[i-1]-'0' <= 9 && text[i+1]-'0' <= 9
		if c == '_' && !digits || c|0x20 == 'x' || c|0x20 == 'p' {
			return 0, false // only Go reads it
		}
	}
	ts, err := strconv.ParseFloat(string(bytes.ReplaceAll(text, []byte("_"), nil)), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, false
	}
	if ts == 0 {
		return math.SmallestNonzeroFloat64, true // a text of 0 is not false in Python
	}
	return comparable(ts), true
}

// parseNumber reads a JSON number: digits with at most one point itself, where ExactFloat
// can, and any other number with strconv.
func parseNumber(p []byte) (float64, bool) {
	var mantissa uint64
	var scale int
	seen := false
	for i, c := range p {
		switch {
		case c-'0' <= 9 && i < 18:
			mantissa = mantissa*10 + uint64(c-'0')
			if seen {
				scale++
			}
		case c == '.' && !seen && i > 0 && i < len(p)-1:
			seen = true
		default:
			return parseAnyNumber(p)
		}
	}
	if ts, exact := ExactFloat(mantissa, scale); exact && len(p) > 0 && p[0] != '0' {
		return ts, true
	}
	return parseAnyNumber(p)
}

// ExactFloat is mantissa / 10**scale. ok is false where one of the two is not exact as a
// float64: only then is their quotient not the nearest float64. See W. D. Clinger, "How to
// read floating point numbers accurately", 1990.
func ExactFloat(mantissa uint64, scale int) (f float64, ok bool) {
	if mantissa >= 1<<53 || scale >= len(powers) {
		return 0, false
	}
	return float64(mantissa) / powers[scale], true
}

// powers are the powers of ten that are exact as float64.
var powers = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

func parseAnyNumber(p []byte) (float64, bool) {
	p = trimSpace(p)
	if skipNumber(p, 0) != len(p) || len(p) == 0 {
		return 0, false
	}
	v, err := strconv.ParseFloat(string(p), 64)
	if err != nil || math.IsInf(v, 0) {
		return 0, false
	}
	return v, true
}
