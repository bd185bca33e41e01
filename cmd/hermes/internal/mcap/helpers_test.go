package mcap

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// example is a file of several chunks with everything in it, and its messages.
func example(t testing.TB, chunks, each int, compression string) ([]byte, []Message) {
	t.Helper()
	catalog := NewCatalog()
	catalog.AddSchema(&Schema{ID: 1, Name: "tick", Encoding: "jsonschema", Data: []byte(`{"type":"object"}`)})
	for id := range uint16(3) {
		catalog.AddChannel(&Channel{ID: id, SchemaID: id % 2, Topic: fmt.Sprintf("ticks/%d", id), Encoding: "json", Metadata: map[string]string{"origin": "me", "run": "7"}})
	}
	var out bytes.Buffer
	w, err := NewWriter(&out, Header{"hermes", "test"}, catalog)
	require.NoError(t, err)
	require.NoError(t, w.Attachment(Attachment{LogTime: 1, Name: "notes.txt", MediaType: "text/plain", Data: []byte("hello")}))
	var messages []Message
	var b Builder
	for i := range chunks {
		for j := range each {
			n := i*each + j
			m := Message{Channel: uint16(n % 3), Sequence: uint32(n), LogTime: uint64(1000 + 10*n), PublishTime: uint64(900 + n), Data: fmt.Appendf(nil, `{"n": %d}`, n)}
			messages = append(messages, m)
			b.Add(&m)
		}
		c, err := b.Finish(compression)
		require.NoError(t, err)
		require.NoError(t, w.Chunk(c))
		require.Zero(t, b.Messages())
	}
	require.NoError(t, w.Metadata(Metadata{"books", map[string]string{"lost": "0", "arrived": "12"}}))
	require.NoError(t, w.Close())
	require.EqualValues(t, out.Len(), w.Size())
	require.EqualValues(t, out.Len(), w.Kept())
	return out.Bytes(), messages
}

// read opens a file in memory.
func read(t testing.TB, file []byte) *File {
	t.Helper()
	f, err := Read(bytes.NewReader(file), int64(len(file)), "test.mcap")
	require.NoError(t, err)
	return f
}

// all is every message that a query gives.
func all(t testing.TB, q Query, files ...*File) (out []Message) {
	t.Helper()
	for m, err := range Messages(files, q) {
		require.NoError(t, err)
		require.Equal(t, m.Channel, m.File.Channels[m.Message.Channel])
		out = append(out, m.Message)
	}
	return out
}

// problems is what Check has to say.
func problems(t testing.TB, file []byte) []string {
	t.Helper()
	p, err := Check(bytes.NewReader(file), int64(len(file)), "test.mcap")
	require.NoError(t, err)
	return p
}
