package wire

import jsoniter "github.com/json-iterator/go"

// api is json-iterator configured to agree with encoding/json, except for the escapes of
// HTML, which JSON does not need and Python does not write.
var api = jsoniter.Config{SortMapKeys: true, ValidateJsonRawMessage: true}.Froze()

// Marshal encodes a Go value as data.
func Marshal(v any) ([]byte, error) { return api.Marshal(v) }

// Unmarshal decodes data into a Go value. NaN and the infinities, which Python writes, are
// an error, as in every Go decoder.
func Unmarshal(data []byte, v any) error { return api.Unmarshal(data, v) }
