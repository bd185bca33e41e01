package marshal

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"

	"github.com/hermes-zmq/hermes/internal/wire"
)

// From JSON to marshal. The functions Append… write one value or its beginning. AppendJSON
// translates a whole JSON text in one pass, without a tree: an encoder has a position in the
// text and appends to its output, and a list's number of elements is filled in at its end. A
// value that marshal and JSON do not have in common sets refused, which ends the pass; then
// the output is discarded.

// AppendList begins a list of n values; the caller appends them.
func AppendList(dst []byte, n int) []byte { return appendSize(append(dst, listCode), n) }

// AppendTuple begins a tuple of n values; the caller appends them.
func AppendTuple(dst []byte, n int) []byte { return appendSize(append(dst, tupleCode), n) }

// AppendNone appends None.
func AppendNone(dst []byte) []byte { return append(dst, null) }

// AppendInt appends an integer that is not negative.
func AppendInt(dst []byte, v int) []byte { return appendInteger(dst, uint64(v), false) }

func appendInteger(dst []byte, v uint64, negative bool) []byte {
	if v <= math.MaxInt32 {
		if negative {
			v = -v
		}
		return appendSize(append(dst, int32Code), int(v))
	}
	n := (bits.Len64(v) + digitBits - 1) / digitBits
	size := n
	if negative {
		size = -n
	}
	dst = appendSize(append(dst, longCode), size)
	for ; n > 0; n-- {
		dst = binary.LittleEndian.AppendUint16(dst, uint16(v&(1<<digitBits-1)))
		v >>= digitBits
	}
	return dst
}

// AppendBytes appends bytes.
func AppendBytes(dst, b []byte) []byte {
	return append(appendSize(append(dst, bytesCode), len(b)), b...)
}

func appendSize(dst []byte, n int) []byte {
	return binary.LittleEndian.AppendUint32(dst, uint32(int32(n)))
}

// AppendJSON appends the value of a valid JSON text. Where the value is refused, it reports
// false and returns dst as it was.
func AppendJSON(dst, text []byte) ([]byte, bool) {
	w := encoder{text: text, out: dst}
	w.value(0)
	w.space()
	if w.refused || w.at != len(text) {
		return dst, false
	}
	return w.out, true
}

// encoder translates one JSON text, which the caller has validated: it relies on the syntax
// only so far that it never reads or writes out of bounds. refused is set once, and ends it.
type encoder struct {
	text    []byte
	at      int // text[:at] is translated
	out     []byte
	refused bool
}

// next is the next byte, or 0 where there is none.
func (w *encoder) next() byte {
	if w.at < len(w.text) {
		return w.text[w.at]
	}
	return 0
}

// space skips white space.
func (w *encoder) space() {
	for w.at < len(w.text) && w.text[w.at] <= ' ' {
		w.at++
	}
}

// passes skips white space and then c, and reports whether that was there.
func (w *encoder) passes(c byte) bool {
	w.space()
	if w.next() != c {
		return false
	}
	w.at++
	return true
}

// must skips white space and then c, which has to be there.
func (w *encoder) must(c byte) { w.refused = !w.passes(c) || w.refused }

func (w *encoder) value(depth int) {
	w.space()
	switch c := w.next(); c {
	case '"':
		w.string()
	case '[', '{':
		if depth == deepest {
			w.refused = true
			return
		}
		w.nest(c == '{', depth+1)
	case 't':
		w.word("true", yes)
	case 'f':
		w.word("false", no)
	case 'n':
		w.word("null", null)
	case 'N':
		w.word("NaN", floatCode)
		w.double(math.NaN())
	case 'I':
		w.word("Infinity", floatCode)
		w.double(math.Inf(1))
	default:
		w.number()
	}
}

func (w *encoder) word(word string, code byte) {
	if !bytes.HasPrefix(w.text[w.at:], []byte(word)) {
		w.refused = true
	}
	w.at += len(word)
	w.out = append(w.out, code)
}

func (w *encoder) double(v float64) {
	w.out = binary.LittleEndian.AppendUint64(w.out, math.Float64bits(v))
}

func (w *encoder) nest(object bool, depth int) {
	if object {
		w.object(depth)
	} else {
		w.array(depth)
	}
}

func (w *encoder) array(depth int) {
	w.at++
	at, n := len(w.out)+1, 0
	w.out = AppendList(w.out, 0)
	for !w.passes(']') {
		if n > 0 {
			w.must(',')
		}
		if w.value(depth); w.refused {
			return
		}
		n++
	}
	binary.LittleEndian.PutUint32(w.out[at:], uint32(n))
}

func (w *encoder) object(depth int) {
	w.at++
	w.out = append(w.out, dictCode)
	for n := 0; !w.passes('}'); n++ {
		if n > 0 {
			w.must(',')
		}
		if w.space(); w.next() != '"' {
			w.refused = true
			return
		}
		w.string()
		w.must(':')
		if w.value(depth); w.refused {
			return
		}
	}
	w.out = append(w.out, endCode)
}

// string translates the string whose opening quotation mark comes next.
func (w *encoder) string() {
	end := wire.SkipString(w.text, w.at)
	if end < 0 {
		w.refused = true
		return
	}
	var room [64]byte
	frame := w.text[w.at:end]
	text := wire.Text(frame, room[:0])
	w.at = end
	if len(text) < len(frame)-2 && bytes.Contains(text, replacement) {
		w.refused = true // it may have been a surrogate, which Python allows
		return
	}
	if len(text) < 256 && isASCII(text) {
		w.out = append(append(w.out, asciiCode, byte(len(text))), text...)
		return
	}
	w.out = append(appendSize(append(w.out, unicodeCode), len(text)), text...)
}

var replacement = []byte("\ufffd")

func isASCII(text []byte) bool {
	for _, c := range text {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

// number translates the number that comes next: an integer if Python's json reads one.
func (w *encoder) number() {
	begin, negative := w.at, w.next() == '-'
	if negative {
		w.at++
	}
	first := w.at
	v := w.digits(0)
	switch c := w.next(); {
	case negative && c == 'I':
		w.word("Infinity", floatCode)
		w.double(math.Inf(-1))
	case c == '.' || c|0x20 == 'e':
		w.fraction(v, begin, first)
	default:
		w.integer(v, negative, w.text[first:w.at])
	}
}

// digits skips digits, and appends them to v, which has room for 19 of them.
func (w *encoder) digits(v uint64) uint64 {
	for ; w.at < len(w.text) && w.text[w.at]-'0' <= 9; w.at++ {
		v = v*10 + uint64(w.text[w.at]-'0')
	}
	return v
}

// mostDigits is how many digits fit into 64 bits, whatever they are.
const mostDigits = 19

func (w *encoder) integer(v uint64, negative bool, digits []byte) {
	if len(digits) > mostDigits || len(digits) == 0 {
		var err error
		v, err = strconv.ParseUint(string(digits), 10, 64)
		w.refused = w.refused || err != nil
	}
	w.out = appendInteger(w.out, v, negative)
}

// fraction translates the rest of a number whose digits before the point are v. It begins
// at begin, and its first digit is at first.
func (w *encoder) fraction(v uint64, begin, first int) {
	places := 0
	if w.next() == '.' {
		w.at++
		places = -w.at
		v = w.digits(v)
		places += w.at
	}
	f, exact := wire.ExactFloat(v, places)
	exact = exact && w.at-first <= mostDigits
	for c := w.next(); c|0x20 == 'e' || c == '+' || c == '-' || c-'0' <= 9; c = w.next() {
		w.at++
		exact = false
	}
	text := w.text[begin:w.at]
	switch {
	case !exact:
		f = w.parse(string(text))
	case first > begin: // there is a minus sign
		f = -f
	}
	w.out = append(w.out, floatCode)
	w.double(f)
}

// parse reads any number; one that is out of range is infinite, as in Python.
func (w *encoder) parse(text string) float64 {
	f, err := strconv.ParseFloat(text, 64)
	w.refused = w.refused || err != nil && !math.IsInf(f, 0)
	return f
}
