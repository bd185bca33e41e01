package policy

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonSpace is the white space of JSON.
const jsonSpace = " \t\n\r"

// stringPrefix is what the beginning of a JSON string says of the whole.
type stringPrefix struct {
	text   []byte // the string begins with it, as wire.Text gives it
	used   int    // how many bytes encode text; the others are the beginning of a character
	closed bool   // it is the whole string
	valid  bool   // a JSON text can begin so
}

// decodePrefix decodes the beginning of a JSON string; p[0] is its quotation mark.
func decodePrefix(p []byte) (s stringPrefix) {
	s.used = 1
	for s.used < len(p) {
		rest := p[s.used:]
		switch c := rest[0]; {
		case c == '"':
			s.closed = true
			s.valid = len(bytes.Trim(rest[1:], jsonSpace)) == 0
			return s
		case c == '\\':
			r, n, valid := decodeEscape(rest)
			if n == 0 {
				s.valid = valid
				return s
			}
			s.text = utf8.AppendRune(s.text, r)
			s.used += n
		case c < 0x20:
			return s
		default:
			r, n := utf8.DecodeRune(rest)
			if r == utf8.RuneError && n == 1 {
				s.valid = !utf8.FullRune(rest)
				return s
			}
			s.text = append(s.text, rest[:n]...)
			s.used += n
		}
	}
	s.valid = true
	return s
}

// escapes are the escapes of one letter.
var escapes = map[byte]rune{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

// decodeEscape decodes the escape at the beginning of p, which has n bytes. Where n is 0 there is none
// yet; valid says whether p can be the beginning of one. A surrogate that is alone becomes U+FFFD.
func decodeEscape(p []byte) (r rune, n int, valid bool) {
	if len(p) == 1 {
		return 0, 0, true
	}
	if p[1] != 'u' {
		r, ok := escapes[p[1]]
		if !ok {
			return 0, 0, false
		}
		return r, 2, true
	}
	r, whole, valid := unit(p)
	if !whole || !utf16.IsSurrogate(r) {
		return r, size(whole), valid
	}
	if r >= 0xdc00 { // the second half, without the first
		return utf8.RuneError, size(true), true
	}
	low, whole, valid := unit(p[size(true):])
	if valid && !whole { // what follows decides
		return 0, 0, true
	}
	if both := utf16.DecodeRune(r, low); whole && both != utf8.RuneError {
		return both, 2 * size(true), true
	}
	return utf8.RuneError, size(true), true
}

// size is the length of an escape of four digits, as \u00e9, or 0 where it is not whole.
func size(whole bool) int {
	if whole {
		return len(`\u0000`)
	}
	return 0
}

// unit reads an escape of four digits. Where it is not whole, valid says whether p begins one.
func unit(p []byte) (r rune, whole, valid bool) {
	for i := range size(true) {
		switch {
		case i == len(p):
			return 0, false, true
		case i < 2:
			if p[i] != `\u`[i] {
				return 0, false, false
			}
		default:
			digit := bytes.IndexByte([]byte("0123456789abcdef"), p[i]|0x20)
			if digit < 0 || p[i] < '0' {
				return 0, false, false
			}
			r = r<<4 | rune(digit)
		}
	}
	return r, true, true
}
