package wire

import "unicode/utf8"

// MaxDepth is how deep arrays and objects in data may nest. Deeper ones count as
// malformed: receivers' parsers recurse, and a peer must not be able to exhaust
// their stacks.
const MaxDepth = 500

// Valid reports whether data is one JSON value in UTF-8, white space around it
// allowed, as Python's json.loads understands JSON: NaN, Infinity and -Infinity
// are values, integers may be of any size, surrogates may be alone.
func Valid(data []byte) bool {
	s := scanner{p: data}
	return s.value() && s.end()
}

// ValidString reports whether frame is one JSON string.
func ValidString(frame []byte) bool {
	if n := len(frame); n >= 2 && frame[0] == '"' && frame[n-1] == '"' && isPlain(frame[1:n-1]) {
		return true
	}
	s := scanner{p: frame}
	s.space()
	return s.peek() == '"' && s.text() && s.end()
}

// scanner walks over JSON without building anything.
type scanner struct {
	p []byte
	i int
}

// peek is the byte at hand, 0 at the end (which no JSON text contains).
func (s *scanner) peek() byte {
	if s.i < len(s.p) {
		return s.p[s.i]
	}
	return 0
}

func (s *scanner) space() {
	for s.i < len(s.p) && isSpace(s.p[s.i]) {
		s.i++
	}
}

func (s *scanner) end() bool {
	s.space()
	return s.i == len(s.p)
}

func (s *scanner) take(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.i++
	return true
}

func (s *scanner) word(w string) bool {
	if len(s.p)-s.i < len(w) || string(s.p[s.i:s.i+len(w)]) != w {
		return false
	}
	s.i += len(w)
	return true
}

// value walks over one value of any kind. It keeps its own stack of what is open
// (true for an object), so that depth costs bits and not stack frames.
func (s *scanner) value() bool {
	var open [MaxDepth]bool
	depth := 0
	for {
		s.space()
		c := s.peek()
		if c == '[' || c == '{' {
			if depth == MaxDepth {
				return false
			}
			s.i++
			s.space()
			switch {
			case c == '[' && s.take(']'), c == '{' && s.take('}'):
			case c == '{':
				if !s.key() {
					return false
				}
				open[depth] = true
				depth++
				continue
			default:
				open[depth] = false
				depth++
				continue
			}
		} else if !s.scalar(c) {
			return false
		}
		// A value is complete: close what ends here, or go on to its neighbour.
		for {
			if depth == 0 {
				return true
			}
			s.space()
			object := open[depth-1]
			if s.take(',') {
				if object {
					s.space()
					if !s.key() {
						return false
					}
				}
				break
			}
			if object && !s.take('}') || !object && !s.take(']') {
				return false
			}
			depth--
		}
	}
}

func (s *scanner) key() bool {
	if s.peek() != '"' || !s.text() {
		return false
	}
	s.space()
	return s.take(':')
}

func (s *scanner) scalar(c byte) bool {
	switch c {
	case '"':
		return s.text()
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	case 'N':
		return s.word("NaN")
	case 'I':
		return s.word("Infinity")
	}
	return s.number()
}

func (s *scanner) number() bool {
	if s.take('-') && s.peek() == 'I' {
		return s.word("Infinity")
	}
	if !s.take('0') && !s.digits() {
		return false
	}
	if s.take('.') && !s.digits() {
		return false
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.i++
		if c := s.peek(); c == '+' || c == '-' {
			s.i++
		}
		return s.digits()
	}
	return true
}

func (s *scanner) digits() bool {
	from := s.i
	for s.i < len(s.p) && s.p[s.i]-'0' <= 9 {
		s.i++
	}
	return s.i > from
}

// text walks over a string whose opening quotation mark is at hand.
func (s *scanner) text() bool {
	s.i++
	for s.i < len(s.p) {
		c := s.p[s.i]
		switch {
		case plain[c]:
			s.i++
		case c == '"':
			s.i++
			return true
		case c == '\\':
			if !s.escape() {
				return false
			}
		case c < 0x20:
			return false
		default:
			r, n := utf8.DecodeRune(s.p[s.i:])
			if r == utf8.RuneError && n == 1 {
				return false
			}
			s.i += n
		}
	}
	return false
}

func (s *scanner) escape() bool {
	s.i++
	switch s.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.i++
		return true
	case 'u':
		if len(s.p)-s.i < 5 {
			return false
		}
		for _, c := range s.p[s.i+1 : s.i+5] {
			if hexValue[c] < 0 {
				return false
			}
		}
		s.i += 5
		return true
	}
	return false
}
