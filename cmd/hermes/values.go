package main

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// decoded is data as values for expressions and templates: map[string]any, []any, string, bool,
// nil; of numbers, int64 where they are whole and fit, else float64. NaN and the infinities, which
// Python writes, are nil.
func decoded(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		d = json.NewDecoder(bytes.NewReader(nullForNaN(data)))
		d.UseNumber()
		if err := d.Decode(&v); err != nil {
			return nil, err
		}
	}
	return numbers(v), nil
}

// numbers replaces the json.Numbers in a value.
func numbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return n
		}
		f, _ := v.Float64() // out of range: an infinity
		return f
	case map[string]any:
		for key, inner := range v {
			v[key] = numbers(inner)
		}
	case []any:
		for i, inner := range v {
			v[i] = numbers(inner)
		}
	}
	return v
}

// nullForNaN replaces NaN and the infinities in JSON by null.
func nullForNaN(data []byte) []byte {
	out := make([]byte, 0, len(data)+8)
	inString := false
	for i := 0; i < len(data); i++ {
		c := data[i]
		switch {
		case inString && c == '\\':
			out = append(out, c)
			i++
			c = data[min(i, len(data)-1)]
		case c == '"':
			inString = !inString
		case !inString && (c == 'N' || c == 'I'):
			out = append(bytes.TrimSuffix(out, []byte("-")), "null"...)
			i += map[byte]int{'N': len("NaN"), 'I': len("Infinity")}[c] - 1
			continue
		}
		out = append(out, c)
	}
	return out
}

// path is where a field is: the names and positions that lead to it.
type path []string

func parsePath(text string) path { return strings.Split(text, ".") }

// in is the JSON at the path in other JSON, unchanged, or nil where there is none.
func (p path) in(data []byte) json.RawMessage {
	for _, name := range p {
		if data = member(data, name); data == nil {
			return nil
		}
	}
	return data
}

// member is what an object has under a name, or an array at a position, as a view of data.
func member(data []byte, name string) []byte {
	d := json.NewDecoder(bytes.NewReader(withoutNaN(data)))
	open, err := d.Token()
	if err != nil || open != json.Delim('{') && open != json.Delim('[') {
		return nil
	}
	for i := 0; d.More(); i++ {
		key := strconv.Itoa(i)
		if open == json.Delim('{') {
			token, err := d.Token()
			if err != nil {
				return nil
			}
			key, _ = token.(string)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil
		}
		if end := d.InputOffset(); key == name {
			return data[end-int64(len(value)) : end]
		}
	}
	return nil
}
