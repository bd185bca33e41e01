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
