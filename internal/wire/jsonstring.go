package wire

import (
	"errors"
	"unicode/utf16"
	"unicode/utf8"
)

// ErrUTF8 says that a text is not UTF-8.
var ErrUTF8 = errors.New("not UTF-8")

const hexDigits = "0123456789abcdef"

// plain marks the bytes that json.dumps does not escape.
var plain = func() (t [256]bool) {
	for c := 0x20; c <= 0x7e; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return
}()

// isPlain reports whether text needs no escape at all.
func isPlain[T string | []byte](text T) bool { return skipPlain(text, 0) == len(text) }

// AppendString appends text as the JSON string that CPython's json.dumps writes, byte for
// byte, because subscriptions are compared with it. For text that is not UTF-8 it returns
// dst as it was, and ErrUTF8.
func AppendString[T string | []byte](dst []byte, text T) ([]byte, error) {
	if isPlain(text) {
		dst = append(dst, '"')
		dst = append(dst, text...)
		return append(dst, '"'), nil
	}
	start := len(dst)
	dst = append(dst, '"')
	for s := string(text); len(s) > 0; {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 {
			return dst[:start], ErrUTF8
		}
		dst = appendRune(dst, r)
		s = s[n:]
	}
	return append(dst, '"'), nil
}

// AppendPrefix appends the subscription to all topics that begin with text: the JSON
// string without its closing quotation mark.
func AppendPrefix(dst []byte, text string) ([]byte, error) {
	dst, err := AppendString(dst, text)
	if err != nil {
		return dst, err
	}
	return dst[:len(dst)-1], nil
}

func appendRune(dst []byte, r rune) []byte {
	switch r {
	case '"', '\\':
		return append(dst, '\\', byte(r))
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	case '\f':
		return append(dst, '\\', 'f')
	case '\b':
		return append(dst, '\\', 'b')
	}
	if r >= 0x20 && r <= 0x7e {
		return append(dst, byte(r))
	}
	if r > 0xffff {
		hi, lo := utf16.EncodeRune(r)
		return appendEscape(appendEscape(dst, hi), lo)
	}
	return appendEscape(dst, r)
}

func appendEscape(dst []byte, unit rune) []byte {
	return append(dst, '\\', 'u', hexDigits[unit>>12&15], hexDigits[unit>>8&15], hexDigits[unit>>4&15], hexDigits[unit&15])
}

// Text is the text of a topic or origin, a frame that is Valid: of a string its content, of
// any other value its JSON text. It is a view of the frame where there is nothing to
// decode, and otherwise appended to scratch. A lone surrogate, which Python allows and
// UTF-8 does not, becomes U+FFFD.
func Text(frame, scratch []byte) []byte {
	frame = trimSpace(frame)
	if frame[0] != '"' {
		return frame
	}
	body := frame[1 : len(frame)-1]
	i := 0
	for i < len(body) && body[i] != '\\' {
		i++
	}
	if i == len(body) {
		return body
	}
	out := append(scratch, body[:i]...)
	for i < len(body) {
		if body[i] != '\\' {
			out = append(out, body[i])
			i++
			continue
		}
		var r rune
		r, i = decodeEscape(body, i+1)
		out = utf8.AppendRune(out, r)
	}
	return out
}

// decodeEscape decodes the escape whose letter is at i, and returns its end too.
func decodeEscape(body []byte, i int) (rune, int) {
	switch body[i] {
	case 'n':
		return '\n', i + 1
	case 'r':
		return '\r', i + 1
	case 't':
		return '\t', i + 1
	case 'f':
		return '\f', i + 1
	case 'b':
		return '\b', i + 1
	case 'u':
	default:
		return rune(body[i]), i + 1
	}
	r := hex4(body[i+1:])
	i += 5
	if !utf16.IsSurrogate(r) {
		return r, i
	}
	if i+6 <= len(body) && body[i] == '\\' && body[i+1] == 'u' {
		if both := utf16.DecodeRune(r, hex4(body[i+2:])); both != utf8.RuneError {
			return both, i + 6
		}
	}
	return utf8.RuneError, i
}

func hex4(p []byte) (r rune) {
	for _, c := range p[:4] {
		r = r<<4 | rune(hexValue[c])
	}
	return r
}

// hexValue maps a hexadecimal digit to its value, and anything else to -1.
var hexValue = func() (t [256]int8) {
	for i := range t {
		t[i] = -1
	}
	for i := 0; i < 10; i++ {
		t['0'+i] = int8(i)
	}
	for i := 0; i < 6; i++ {
		t['a'+i], t['A'+i] = int8(10+i), int8(10+i)
	}
	return
}()

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func trimSpace(p []byte) []byte {
	for len(p) > 0 && isSpace(p[0]) {
		p = p[1:]
	}
	for len(p) > 0 && isSpace(p[len(p)-1]) {
		p = p[:len(p)-1]
	}
	return p
}
