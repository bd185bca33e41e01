package recording

import (
	"bytes"
	"encoding/json"
)

// schemaOf describes the shape of data as JSON Schema, as far as it is sure to hold for what
// follows: members with their types, none of them required. Data that are no object have none.
func schemaOf(data []byte) []byte {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return nil // NaN, for instance, which Python writes
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	const depth = 4
	text, err := json.Marshal(shapeOf(object, depth))
	if err != nil {
		return nil
	}
	return text
}

// shapeOf is the shape of a value, or nil where it may be anything.
func shapeOf(v any, depth int) map[string]any {
	switch v := v.(type) {
	case string:
		return map[string]any{"type": "string"}
	case json.Number:
		return map[string]any{"type": "number"}
	case bool:
		return map[string]any{"type": "boolean"}
	case []any:
		return arrayShape(v, depth)
	case map[string]any:
		shape := map[string]any{"type": "object"}
		const most = 100
		if depth == 0 || len(v) > most {
			return shape
		}
		members := map[string]any{}
		for name, member := range v {
			if s := shapeOf(member, depth-1); s != nil {
				members[name] = s
			}
		}
		shape["properties"] = members
		return shape
	}
	return nil
}

// arrayShape is that of an array whose elements are all of one shape.
func arrayShape(v []any, depth int) map[string]any {
	if len(v) == 0 || depth == 0 {
		return nil
	}
	first, err := json.Marshal(shapeOf(v[0], depth-1))
	if err != nil || string(first) == "null" {
		return nil
	}
	for _, element := range v[1:] {
		other, err := json.Marshal(shapeOf(element, depth-1))
		if err != nil || !bytes.Equal(first, other) {
			return nil
		}
	}
	return map[string]any{"type": "array", "items": json.RawMessage(first)}
}
