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

// entryParts is the most that an entry has: topic, origin, data, time, traceparent.
const entryParts = 5

// ParseBatch reads a JSON array of entries, each as ParseEntry does, in one walk. A text that
// is not JSON is ErrJSON. The entries are views of text where that is possible.
func ParseBatch(text, own []byte) ([]Entry, error) {
	i := skipSpace(text, 0)
	if i == len(text) || text[i] != '[' {
		return nil, wrongText(text, "it is not an array of [topic, origin, data]")
	}
	var entries []Entry
	i = skipSpace(text, i+1)
	if i < len(text) && text[i] == ']' {
		return nil, behindArray(text, i+1)
	}
	for {
		e, end := parseEntry(text, i, own)
		if end == wrongContext {
			return nil, wrongText(text, fmt.Sprintf("the fifth part of element %d is %v", len(entries), ErrTraceParent))
		}
		if end < 0 {
			return nil, wrongText(text, fmt.Sprintf("element %d is not [topic, origin, data], [topic, origin, data, time] or [topic, origin, data, time, traceparent]", len(entries)))
		}
		if entries == nil { // the others are about as long, as a rule
			entries = make([]Entry, 0, min(len(text)/(end-i+1)+1, 1024))
		}
		entries = append(entries, e)
		if i = skipSpace(text, end); i == len(text) {
			return nil, ErrJSON
		}
		switch text[i] {
		case ',':
			i = skipSpace(text, i+1)
		case ']':
			return entries, behindArray(text, i+1)
		default:
			return nil, ErrJSON
		}
	}
}

// wrongText is ErrJSON for a text that is not JSON, and otherwise what else is wrong with it.
func wrongText(text []byte, why string) error {
	if !Valid(text) {
		return ErrJSON
	}
	return errors.New(why)
}

// behindArray is ErrJSON if anything is behind the end of an array.
func behindArray(text []byte, end int) error {
	if skipSpace(text, end) != len(text) {
		return ErrJSON
	}
	return nil
}

// ParseEntry reads one [topic, origin, data], [topic, origin, data, time] or [topic, origin, data,
// time, traceparent] and validates it: a text that is not JSON is ErrJSON. With three elements a null
// origin becomes own; with more it is an origin as any other, and a null time is the time of sending.
// A null traceparent is none.
func ParseEntry(text, own []byte) (Entry, error) {
	e, end := parseEntry(text, skipSpace(text, 0), own)
	if end == wrongContext {
		return Entry{}, wrongText(text, fmt.Sprintf("its fifth part is %v", ErrTraceParent))
	}
	if end < 0 || skipSpace(text, end) != len(text) {
		return Entry{}, wrongText(text, "it is not [topic, origin, data], [topic, origin, data, time] or [topic, origin, data, time, traceparent]")
	}
	return e, nil
}

// wrongContext is what parseEntry returns where the traceparent is not one.
const wrongContext = -2

// parseEntry reads the entry at i, and returns where it ends; -1 where there is none.
func parseEntry(text []byte, i int, own []byte) (Entry, int) {
	var parts [entryParts][]byte
	opening := byte('[')
	for n := range parts {
		if n >= 3 && i < len(text) && text[i] == ']' {
			break
		}
		if i == len(text) || text[i] != opening {
			return Entry{}, -1
		}
		begin := skipSpace(text, i+1)
		end := skipValue(text, begin)
		if end < 0 {
			return Entry{}, -1
		}
		parts[n] = text[begin:end]
		i = skipSpace(text, end)
		opening = ','
	}
	if i == len(text) || text[i] != ']' {
		return Entry{}, -1
	}
	e := entryOf(parts, own)
	if context := parts[entryParts-1]; context != nil && string(context) != "null" {
		var err error
		if e.Time, err = TimeWithContext(Text(context, nil), e.Time); err != nil {
			return Entry{}, wrongContext
		}
	}
	return e, i + 1
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
