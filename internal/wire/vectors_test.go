package wire

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
)

// texts is a message of these frames.
func texts(frames ...string) []byte {
	b := &batch.Batch{}
	for i, f := range frames {
		b.AppendFrame([]byte(f), i < len(frames)-1)
	}
	return b.Buf
}

func trailerOf(s Sequence) string {
	p := make([]byte, TrailerSize)
	PutTrailer(p, s)
	return string(p)
}

type vector struct {
	Name      string          `json:"name"`
	Topic     json.RawMessage `json:"topic"`
	Origin    json.RawMessage `json:"origin"`
	DataJSON  string          `json:"data_json"`
	TS        float64         `json:"ts"`
	FramesHex []string        `json:"frames_hex"`
}

func vectors(t testing.TB) (out []vector) {
	text, err := os.ReadFile("testdata/vectors.json")
	require.NoError(t, err)
	var file struct{ Vectors []vector }
	require.NoError(t, json.Unmarshal(text, &file))
	require.Greater(t, len(file.Vectors), 20)
	return file.Vectors
}

func (v vector) frames(t testing.TB) (out [][]byte) {
	for _, h := range v.FramesHex {
		f, err := hex.DecodeString(h)
		require.NoError(t, err)
		out = append(out, f)
	}
	return out
}

func framed(frames ...[]byte) []byte {
	b := batch.Get()
	for i, f := range frames {
		b.AppendFrame(f, i < len(frames)-1)
	}
	return b.Buf
}

// lone reports whether a JSON string of the vectors has a surrogate without its
// partner, which no Go string can hold.
func lone(raw json.RawMessage) bool {
	var s string
	_ = json.Unmarshal(raw, &s)
	return strings.ContainsRune(s, utf8.RuneError)
}
