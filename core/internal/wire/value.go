package wire

import jsoniter "github.com/json-iterator/go"

// api is json-iterator set up to agree with encoding/json, but for the escapes of
// HTML, which JSON does not ask for and Python does not write.
var api = jsoniter.Config{SortMapKeys: true, ValidateJsonRawMessage: true}.Froze()

// Marshal encodes a Go value as data.
func Marshal(v any) ([]byte, error) { return api.Marshal(v) }

// Unmarshal decodes data into a Go value. It does not take NaN and the infinities
// that Python writes, as no Go decoder does.
func Unmarshal(data []byte, v any) error { return api.Unmarshal(data, v) }

// Each walks over a JSON array and calls f with the raw text of every element. The
// text must be Valid. It reports false where text is not an array, and f's error.
func Each(text []byte, f func(element []byte) error) (bool, error) {
	s := scanner{p: text}
	s.space()
	if !s.take('[') {
		return false, nil
	}
	for s.space(); !s.take(']'); s.space() {
		from := s.i
		if !s.value() {
			return false, nil
		}
		if err := f(s.p[from:s.i]); err != nil {
			return true, err
		}
		s.space()
		s.take(',')
	}
	return true, nil
}
