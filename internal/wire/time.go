package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"strconv"
)

// TimeSize is the length of the timestamps that hermes writes: ten digits of
// seconds, a point, and six of microseconds. Being fixed, it lets the sender fill
// in the time at the last moment.
const TimeSize = 17

// TrailerSize is the length of the sequence trailer.
const TrailerSize = 24

// pairs holds "00" to "99".
var pairs = func() (t [200]byte) {
	for i := 0; i < 100; i++ {
		t[2*i], t[2*i+1] = byte('0'+i/10), byte('0'+i%10)
	}
	return
}()

// PutTime writes micros, microseconds since the Unix epoch, into the first
// TimeSize bytes of dst. Times before 1970 or beyond ten digits of seconds (the
// year 2286) are written as the nearest that fits; where a clock shows fewer digits
// there are spaces in front, because a JSON number has no leading zeros.
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

// Sequence is what the trailer carries: a 16-bit incarnation, drawn when the
// publisher starts, and a 32-bit number, counted for each topic from 0.
type Sequence struct {
	Incarnation uint16
	Number      uint32
}

const spaces = " \t\n\r"

// quads holds the four white-space characters for every byte, two bits each.
var quads = func() (t [256]uint32) {
	for i := range t {
		t[i] = binary.LittleEndian.Uint32([]byte{spaces[i>>6&3], spaces[i>>4&3], spaces[i>>2&3], spaces[i&3]})
	}
	return
}()

// PutTrailer writes the trailer into the first TrailerSize bytes of dst.
func PutTrailer(dst []byte, s Sequence) {
	t := (*[TrailerSize]byte)(dst)
	binary.LittleEndian.PutUint32(t[0:], quads[s.Incarnation>>8])
	binary.LittleEndian.PutUint32(t[4:], quads[s.Incarnation&255])
	binary.LittleEndian.PutUint32(t[8:], quads[s.Number>>24])
	binary.LittleEndian.PutUint32(t[12:], quads[s.Number>>16&255])
	binary.LittleEndian.PutUint32(t[16:], quads[s.Number>>8&255])
	binary.LittleEndian.PutUint32(t[20:], quads[s.Number&255])
}

// ParseTime reads frame 3: a time, and the trailer if there is one: exactly TrailerSize
// white-space characters behind the time. That is a JSON number, or what 1.x takes for
// one: a string of a number, or true. ts is 0 where 1.x takes the time of arrival
// instead (for 0, null and what else is false in Python), and where a time is not
// comparable. ok is false for everything else.
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

// comparable gives a number that ages can be reckoned with: what is infinitely early is
// early enough, and what is later than any time, or NaN, is no time at all.
func comparable(ts float64) float64 {
	switch {
	case math.IsInf(ts, -1):
		return math.SmallestNonzeroFloat64
	case math.IsInf(ts, 1) || math.IsNaN(ts):
		return 0
	}
	return ts
}

// parsePythonFloat reads what Python's float does: decimal numbers with a sign and an
// exponent, with underscores between digits and white space around, and the words for what
// is no number.
func parsePythonFloat(text []byte) (ts float64, ok bool) {
	text = bytes.TrimSpace(text)
	for i, c := range text {
		digits := i > 0 && i < len(text)-1 && text[i-1]-'0' <= 9 && text[i+1]-'0' <= 9
		if c == '_' && !digits || c|0x20 == 'x' || c|0x20 == 'p' {
			return 0, false // what only Go reads
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

// parseTrailer reads a trailer, eight characters at a time.
func parseTrailer(p []byte) (seq Sequence, ok bool) {
	if len(p) != TrailerSize {
		return Sequence{}, false
	}
	a, notA := eightSpaces(load(p, 0))
	b, notB := eightSpaces(load(p, 8))
	c, notC := eightSpaces(load(p, 16))
	if notA|notB|notC != 0 {
		return Sequence{}, false
	}
	return Sequence{uint16(a), uint32(b<<16 | c)}, true
}

// eightSpaces gives the two bits of each of eight white-space characters, the first one's
// on top, and something but zero where they are not such characters. In 0x20, 0x09, 0x0a,
// 0x0d the bits are bit 0, and bit 1 or bit 2, which together make the others. They are
// gathered by halves (H. S. Warren, "Hacker's Delight", 2nd edition, 7-4).
func eightSpaces(p uint64) (v, wrong uint64) {
	low, high := p&ones, (p>>1|p>>2)&ones
	some := low | high
	wrong = p ^ (low | high&^low<<1 | high&low<<2 | some<<3 | (some^ones)<<5)
	v = bits.ReverseBytes64(low | high<<1)
	v = (v | v>>6) & 0x000f000f000f000f
	v = (v | v>>12) & 0x000000ff000000ff
	return (v | v>>24) & 0xffff, wrong
}

// parseNumber reads digits with one point exactly where mantissa and power of ten
// are both exact as float64, which every timestamp of ours is, and leaves the rest
// to strconv. See W. D. Clinger, "How to read floating point numbers accurately", 1990.
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
	if len(p) == 0 || mantissa >= 1<<53 || scale > 22 || p[0] == '0' {
		return parseAnyNumber(p)
	}
	return float64(mantissa) / powers[scale], true
}

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
