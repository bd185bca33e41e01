package wire

import (
	"errors"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// Entry is one envelope of a batch in JSON: its topic and origin as JSON values, strings in
// the canonical form, and its data unchanged.
type Entry struct {
	Topic, Origin, Data []byte
	Time                []byte // a JSON value that is sent as it is; nil is the time of sending
}

// Size is what the entry counts in limits, in bytes.
func (e *Entry) Size() int { return len(e.Topic) + len(e.Origin) + len(e.Data) + len(e.Time) }

// entryParts is the most that an entry has: topic, origin, data, time.
const entryParts = 4

// ParseBatch reads a JSON array of entries, each as ParseEntry does. The text must be
// Valid. The entries are views of text where that is possible.
func ParseBatch(text, own []byte) (entries []Entry, err error) {
	array, err := each(text, func(element []byte) error {
		var parts [entryParts][]byte
		n := 0
		list, _ := each(element, func(part []byte) error {
			if n < len(parts) {
				parts[n] = part
			}
			n++
			return nil
		})
		if !list || n < entryParts-1 || n > entryParts {
			return fmt.Errorf("element %d is not [topic, origin, data] or [topic, origin, data, time]", len(entries))
		}
		entries = append(entries, entryOf(parts, own))
		return nil
	})
	if err == nil && !array {
		err = fmt.Errorf("it is not an array of [topic, origin, data]")
	}
	return entries, err
}

// ParseEntry reads one [topic, origin, data] or [topic, origin, data, time] and validates
// it: a text that is not JSON is ErrJSON. With three elements a null origin becomes own;
// with four it is an origin as any other, and a null time is the time of sending.
func ParseEntry(text, own []byte) (Entry, error) {
	var parts [entryParts][]byte
	i := skipSpace(text, 0)
	opening := byte('[')
	for n := range parts {
		if n == entryParts-1 && i < len(text) && text[i] == ']' {
			break
		}
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
		opening = ','
	}
	if i == len(text) || text[i] != ']' || skipSpace(text, i+1) != len(text) {
		return Entry{}, noEntry(text)
	}
	return entryOf(parts, own), nil
}

// entryOf makes an entry of three or four JSON values.
func entryOf(parts [entryParts][]byte, own []byte) Entry {
	e := Entry{Topic: canonical(parts[0]), Origin: own, Data: parts[2]}
	whole := parts[3] != nil
	if whole || string(parts[1]) != "null" {
		e.Origin = canonical(parts[1])
	}
	if whole && string(parts[3]) != "null" {
		e.Time = parts[3]
	}
	return e
}

func noEntry(text []byte) error {
	if !Valid(text) {
		return ErrJSON
	}
	return errors.New("it is not [topic, origin, data] or [topic, origin, data, time]")
}

// each calls f with the raw text of every element of a JSON array. The text must be Valid.
// It reports false where text is not an array, and f's error.
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

// canonical rewrites a valid JSON string as CPython's json.dumps writes it: the same text
// can be escaped in many ways, and subscriptions compare bytes. Any other value stays as
// it is.
func canonical(frame []byte) []byte {
	if frame[0] != '"' {
		return frame
	}
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
			r = hex4(body[from+2:]) // a lone surrogate, which Python keeps
		}
		out = appendRune(out, r)
		i = next
	}
	return append(out, '"')
}
