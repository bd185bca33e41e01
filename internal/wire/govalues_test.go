package wire

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestJSONIterAgreesWithTheStandardLibrary(t *testing.T) {
	for _, v := range []any{nil, true, 1, -1.5, 1e21, 1e-7, "a<b>&\u2028\"\\\n\u00e9", []any{1, "x", nil, map[string]any{"k": []int{}}},
		map[string]any{"b": 1, "a": 2}, struct {
			A int     `json:"a"`
			B *string `json:"b,omitempty"`
		}{A: 3}} {
		ours, err := Marshal(v)
		require.NoError(t, err)
		theirs, err := json.Marshal(v)
		require.NoError(t, err)
		var a, b any
		require.NoError(t, json.Unmarshal(ours, &a))
		require.NoError(t, json.Unmarshal(theirs, &b))
		require.Equal(t, b, a)
		var c any
		require.NoError(t, Unmarshal(theirs, &c))
		require.Equal(t, b, c)
	}
}
