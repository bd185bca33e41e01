package wire

import "unicode/utf8"

// The JSON validator. The functions skip… step over one piece of JSON each, without
// building anything: they take a text and an index and return the index behind the piece,
// or bad where the text is not valid there. skipValue keeps the open arrays and objects in
// a stack of bits, so that nesting costs no Go stack, and steps over the common cases
// itself. Loops over plain characters and digits are in swar.go.

// MaxDepth is how deep arrays and objects may nest. Deeper ones count as malformed:
// receivers' parsers recurse, and a peer must not be able to exhaust their stacks. It
// leaves room for data 1,000 deep in a row of a batch.
const MaxDepth = 1024

// Valid reports whether data is one JSON value in UTF-8, white space around it
// allowed, as Python's json.loads understands JSON: NaN, Infinity and -Infinity
// are values, integers may be of any size, surrogates may be alone.
func Valid(data []byte) bool {
	i := skipValue(data, 0)
	return i >= 0 && skipSpace(data, i) == len(data)
}

// ValidString reports whether frame is one JSON string.
func ValidString(frame []byte) bool {
	if IsPlainString(frame) {
		return true
	}
	i := skipSpace(frame, 0)
	if i == len(frame) || frame[i] != '"' {
		return false
	}
	i = skipString(frame, i)
	return i >= 0 && skipSpace(frame, i) == len(frame)
}

// IsPlainString reports whether frame is a JSON string without escapes or anything
// around it, which all but few topics and origins are.
func IsPlainString(frame []byte) bool {
	n := len(frame)
	return n >= 2 && frame[0] == '"' && skipPlain(frame, 1) == n-1 && frame[n-1] == '"'
}

// SkipString is the index behind the JSON string whose opening quotation mark is text[i];
// it is negative where there is none.
func SkipString(text []byte, i int) int { return skipString(text, i) }

// bad is the index that the functions below return for a text that is not valid.
const bad = -1

func skipSpace(p []byte, i int) int {
	for i < len(p) && isSpace(p[i]) {
		i++
	}
	return i
}

// nesting is the arrays and objects that are open: one bit each, set for an object.
type nesting struct {
	depth   int
	objects [(MaxDepth + 63) / 64]uint64
}

func (n *nesting) push(object bool) {
	bit := uint64(1) << (n.depth & 63)
	n.objects[n.depth>>6] &^= bit
	if object {
		n.objects[n.depth>>6] |= bit
	}
	n.depth++
}

// inArray reports whether the innermost one is an array.
func (n *nesting) inArray() bool {
	at := n.depth - 1
	return at >= 0 && n.objects[at>>6]>>(at&63)&1 == 0
}

// skipValue steps over one value of any kind, and the white space before it. The common
// cases, plain strings and numbers without an exponent, are handled right here.
func skipValue(p []byte, i int) int {
	var open nesting
	for {
		if i < len(p) && isSpace(p[i]) {
			i = skipSpace(p, i+1)
		}
		if i >= len(p) {
			return bad
		}
		switch c := p[i]; {
		case c == '"':
			end := skipPlain(p, i+1)
			if end == len(p) {
				return bad
			}
			if p[end] == '"' {
				i = end + 1
			} else if i = skipString(p, end-1); i < 0 {
				return bad
			}
		case c-'1' <= 8:
			if i = skipFrom(p, i); i < 0 {
				return bad
			}
		case c == '[' || c == '{':
			var inside bool
			if i, inside = skipOpening(p, i, &open); inside {
				continue
			}
			if i < 0 {
				return bad
			}
		default:
			if i = skipOther(p, i); i < 0 {
				return bad
			}
		}
		// A value is complete: an array often just goes on.
		if i < len(p) && p[i] == ',' && open.inArray() {
			i++
			continue
		}
		var more bool
		if i, more = skipEnds(p, i, &open); !more {
			return i
		}
	}
}

// skipOpening steps over the bracket at p[i] and, in an object, the first key. It
// reports false where the array or object is empty, and over already.
func skipOpening(p []byte, i int, open *nesting) (next int, inside bool) {
	object := p[i] == '{'
	j := skipSpace(p, i+1)
	if j == len(p) || open.depth == MaxDepth {
		return bad, false
	}
	if p[j] == p[i]+2 { // ']' and '}' are two behind '[' and '{'
		return j + 1, false
	}
	open.push(object)
	if object {
		j = skipKey(p, j)
	}
	return j, j >= 0
}

// skipOther steps over a number that begins with a zero or a sign, or a word.
func skipOther(p []byte, i int) int {
	if c := p[i]; c == '0' || c == '-' {
		return skipNumber(p, i)
	}
	return skipName(p, i)
}

// skipEnds steps over what follows a value: all that is closed there, and the
// comma, with an object's key, if another value follows.
func skipEnds(p []byte, i int, open *nesting) (next int, more bool) {
	for open.depth > 0 {
		i = skipSpace(p, i)
		if i == len(p) {
			return bad, false
		}
		c, array := p[i], open.inArray()
		switch {
		case c == ',' && array:
			return i + 1, true
		case c == ',':
			i = skipKey(p, skipSpace(p, i+1))
			return i, i >= 0
		case c == ']' && array, c == '}' && !array:
			open.depth--
			i++
		default:
			return bad, false
		}
	}
	return i, false
}

// skipKey steps over an object's key and the colon behind it.
func skipKey(p []byte, i int) int {
	if i == len(p) || p[i] != '"' {
		return bad
	}
	if i = skipString(p, i); i < 0 {
		return bad
	}
	if i = skipSpace(p, i); i == len(p) || p[i] != ':' {
		return bad
	}
	return i + 1
}

// skipName steps over a value that is a word.
func skipName(p []byte, i int) int {
	switch p[i] {
	case 't':
		return skipWord(p, i, "true")
	case 'f':
		return skipWord(p, i, "false")
	case 'n':
		return skipWord(p, i, "null")
	case 'N':
		return skipWord(p, i, "NaN")
	case 'I':
		return skipWord(p, i, "Infinity")
	}
	return bad
}

func skipWord(p []byte, i int, word string) int {
	if len(p)-i < len(word) || string(p[i:i+len(word)]) != word {
		return bad
	}
	return i + len(word)
}

func skipNumber(p []byte, i int) int {
	if i < len(p) && p[i] == '-' {
		if i++; i < len(p) && p[i] == 'I' {
			return skipWord(p, i, "Infinity")
		}
	}
	switch {
	case i == len(p) || p[i]-'0' > 9:
		return bad
	case p[i] == '0':
		return skipFraction(p, i+1)
	}
	return skipFrom(p, i)
}

// skipFrom steps over a number whose first digit, p[i], is not a zero.
func skipFrom(p []byte, i int) int {
	if i = skipDigits(p, i+1); i == len(p) || p[i] == ',' {
		return i
	}
	return skipFraction(p, i)
}

// skipFraction steps over what may follow the digits before the point.
func skipFraction(p []byte, i int) int {
	if i < len(p) && p[i] == '.' {
		if i = someDigits(p, i+1); i < 0 {
			return bad
		}
	}
	if i < len(p) && p[i]|0x20 == 'e' {
		if i++; i < len(p) && (p[i] == '+' || p[i] == '-') {
			i++
		}
		i = someDigits(p, i)
	}
	return i
}

// someDigits is skipDigits for at least one.
func someDigits(p []byte, i int) int {
	end := skipDigits(p, i)
	if end == i {
		return bad
	}
	return end
}

// skipString steps over a string whose opening quotation mark is p[i].
func skipString(p []byte, i int) int {
	for i++; ; {
		i = skipPlain(p, i)
		if i == len(p) {
			return bad
		}
		switch c := p[i]; {
		case c == '"':
			return i + 1
		case c == '\\':
			if i = skipEscape(p, i); i < 0 {
				return bad
			}
		case c < 0x20:
			return bad
		default:
			r, n := utf8.DecodeRune(p[i:])
			if r == utf8.RuneError && n == 1 {
				return bad
			}
			i += n
		}
	}
}

// skipEscape steps over an escape whose backslash is p[i].
func skipEscape(p []byte, i int) int {
	if i++; i == len(p) {
		return bad
	}
	switch p[i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 1
	case 'u':
		if len(p)-i < 5 {
			return bad
		}
		for _, c := range p[i+1 : i+5] {
			if hexValue[c] < 0 {
				return bad
			}
		}
		return i + 5
	}
	return bad
}
