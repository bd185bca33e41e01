package wire

import (
	"errors"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// Entry is one envelope of a batch in JSON: its topic and origin as JSON strings
// in the canonical form, its data as it stood.
type Entry struct {
	Topic, Origin, Data []byte
}

// ParseBatch reads a JSON array of [topic, origin, data]. The text must be Valid.
// A null origin becomes own. The entries are views of text where that is possible.
func ParseBatch(text, own []byte) (entries []Entry, err error) {
	array, err := each(text, func(element []byte) error {
		var parts [3][]byte
		n := 0
		triple, _ := each(element, func(part []byte) error {
			if n < len(parts) {
				parts[n] = part
			}
			n++
			return nil
		})
		at := len(entries)
		if !triple || n != len(parts) {
			return fmt.Errorf("element %d is not [topic, origin, data]", at)
		}
		if !ValidString(parts[0]) {
			return fmt.Errorf("the topic of element %d is not a string", at)
		}
		e := Entry{Topic: canonical(parts[0]), Origin: own, Data: parts[2]}
		if string(parts[1]) != "null" {
			if !ValidString(parts[1]) {
				return fmt.Errorf("the origin of element %d is neither a string nor null", at)
			}
			e.Origin = canonical(parts[1])
		}
		entries = append(entries, e)
		return nil
	})
	if err == nil && !array {
		err = fmt.Errorf("it is not an array of [topic, origin, data]")
	}
	return entries, err
}

// ParseEntry reads one [topic, origin, data] and checks it on the way: ErrJSON for what
// is no JSON. A null origin becomes own.
func ParseEntry(text, own []byte) (Entry, error) {
	var parts [3][]byte
	i := skipSpace(text, 0)
	for n, opening := range [...]byte{'[', ',', ','} {
		if i == len(text) || text[i] != opening {
			return Entry{}, noEntry(text)
		}
		begin := skipSpace(text, i+1)
		end := skipValue(text, begin)
		if end < 0 {
			return Entry{}, noEntry(text)
		}
		parts[n] = text[begin:end]
		i = skipSpace(text, end)
	}
	if i == len(text) || text[i] != ']' || skipSpace(text, i+1) != len(text) {
		return Entry{}, noEntry(text)
	}
	if !ValidString(parts[0]) {
		return Entry{}, errors.New("the topic is not a string")
	}
	e := Entry{Topic: canonical(parts[0]), Origin: own, Data: parts[2]}
	if string(parts[1]) != "null" {
		if !ValidString(parts[1]) {
			return Entry{}, errors.New("the origin is neither a string nor null")
		}
		e.Origin = canonical(parts[1])
	}
	return e, nil
}

func noEntry(text []byte) error {
	if !Valid(text) {
		return ErrJSON
	}
	return errors.New("it is not [topic, origin, data]")
}

// each walks over a JSON array and calls f with the raw text of every element. The
// text must be Valid. It reports false where text is not an array, and f's error.
func each(text []byte, f func(element []byte) error) (bool, error) {
	i := skipSpace(text, 0)
	if text[i] != '[' {
		return false, nil
	}
	for i = skipSpace(text, i+1); text[i] != ']'; i = skipSpace(text, i) {
		end := skipValue(text, i)
		if err := f(text[i:end]); err != nil {
			return true, err
		}
		if i = skipSpace(text, end); text[i] == ',' {
			i = skipSpace(text, i+1)
		}
	}
	return true, nil
}

// canonical rewrites a valid JSON string as CPython's json.dumps would write it:
// the same text may be escaped in many ways, and subscriptions compare bytes.
func canonical(frame []byte) []byte {
	body := frame[1 : len(frame)-1]
	if isPlain(body) {
		return frame
	}
	out := append(make([]byte, 0, 2*len(frame)), '"')
	for i := 0; i < len(body); {
		if body[i] != '\\' {
			r, n := utf8.DecodeRune(body[i:])
			out = appendRune(out, r)
			i += n
			continue
		}
		from := i
		r, next := decodeEscape(body, i+1)
		if r == utf8.RuneError && body[from+1] == 'u' && utf16.IsSurrogate(hex4(body[from+2:])) {
			r = hex4(body[from+2:]) // alone: Python keeps it, and writes it as it is
		}
		out = appendRune(out, r)
		i = next
	}
	return append(out, '"')
}
