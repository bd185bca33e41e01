package fast

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/handle"
	"github.com/hermes-zmq/hermes/internal/marshal"
	"github.com/hermes-zmq/hermes/internal/sendqueue"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// C and Go both check JSON, convert Python's marshal to JSON, split entries, and frame
// messages. What C does must be what Go does, byte for byte; what C leaves to Go may be
// anything. testdata/vectors.jsonl says what CPython makes of the same values.

const origin = `"publisher"`

// publisher is a handle that no object has: the tests of this package need none.
var publisher handle.Handle = 1<<48 | 4097

// newStager makes a staging buffer that is open.
func newStager(t testing.TB) *Stager {
	s := NewStager(publisher)
	require.NotNil(t, s)
	t.Cleanup(s.Close)
	require.True(t, s.Open([]byte(origin), wire.LastFrame(true), -1))
	swap(s)
	return s
}

// swap takes what has been staged, and lets a side's worth come.
func swap(s *Stager) ([]byte, []uint32) {
	return s.Collect(sendqueue.Allowance{Messages: 1000, Bytes: 1 << 20, Each: 1 << 20})
}

// framed is a message as Go writes it.
func framed(topic, origin, data []byte) []byte {
	b := batch.Get()
	defer b.Release()
	wire.AppendEntry(b, wire.Entry{Topic: topic, Origin: origin, Data: data}, true)
	return append([]byte(nil), b.Message(0)...)
}

// sameMessage: what has been staged is what Go would have sent.
func sameMessage(t testing.TB, s *Stager, topic, origin, data []byte) {
	messages, ends := swap(s)
	require.Len(t, ends, 1)
	require.EqualValues(t, len(messages), ends[0])
	require.Equal(t, framed(topic, origin, data), messages)
}

func quoted(text []byte) []byte { return append(append([]byte{'"'}, text...), '"') }

// plain reports whether a JSON string is a text that C may know.
func plain(frame []byte) bool { return len(frame) >= 2 && isPlain(frame[1:len(frame)-1]) }

// checkJSON holds the JSON check of C to that of Go. It returns what Go says.
func checkJSON(t testing.TB, s *Stager, cache *templates, text []byte) bool {
	valid := wire.Valid(text)
	known := isJSON(text)
	if known {
		require.True(t, valid, "C accepts %q", text)
	}
	if cache.match(text) {
		require.True(t, valid, "a template accepts %q", text)
	} else if valid {
		cache.learn(text)
		require.Equal(t, len(text) >= 16 && len(text) <= 128, new(templates).learned(text).match(text), "%q", text)
	}
	for range 2 { // the second time by a template
		if stage(publisher, []byte("t"), nil, text) {
			require.True(t, valid, "C publishes %q", text)
			sameMessage(t, s, []byte(`"t"`), []byte(origin), text)
		} else {
			require.False(t, known && len(text) <= 8<<10, "C does not publish %q", text)
		}
	}
	return valid
}

func (t *templates) learned(text []byte) *templates {
	t.learn(text)
	return t
}

// readRow is what Go reads of the marshal of one envelope.
func readRow(values []byte) (row marshal.Row, ok bool) {
	r := marshal.NewDecoder(values)
	if n, ok := r.Rows(); !ok || n != 1 {
		return row, false
	}
	row, _, ok = r.Row(nil)
	return row, ok && r.Done()
}

// checkRow holds the conversion of C to that of Go.
func checkRow(t testing.TB, s *Stager, values []byte) {
	row, ok := readRow(values)
	c := marshalRow(values)
	if c != nil {
		require.True(t, ok, "C converts %x", values)
		require.Equal(t, string(row.Topic), string(quoted(c.topic)))
		require.Equal(t, string(row.Origin), string(quoted(c.origin)))
		require.Equal(t, string(row.Data), string(c.data))
		require.True(t, wire.Valid(c.data) || len(c.data) == 0, "%q", c.data)
	}
	if stageRow(publisher, values) {
		require.NotNil(t, c)
		sameMessage(t, s, row.Topic, row.Origin, row.Data)
	}
}

// checkEntry holds the reading of entries in C to that in Go.
func checkEntry(t testing.TB, s *Stager, text []byte) {
	e, err := wire.ParseEntry(text, []byte(origin))
	c := splitEntry(text)
	if c != nil && isPlain(c.topic) && isPlain(c.origin) && isJSON(c.data) {
		require.NoError(t, err, "%q", text)
		require.Equal(t, string(e.Topic), string(quoted(c.topic)))
		if c.origin == nil {
			require.Equal(t, origin, string(e.Origin))
		} else {
			require.Equal(t, string(e.Origin), string(quoted(c.origin)))
		}
		require.Equal(t, string(e.Data), string(c.data), "%q", text)
	}
	if stageEntry(publisher, text) {
		require.NoError(t, err, "C publishes %q", text)
		require.Nil(t, e.Time)
		sameMessage(t, s, e.Topic, e.Origin, e.Data)
	}
}

// vector is one line of the file.
type vector struct {
	kind  string
	input []byte
	valid bool
	parts [3]string // JSON texts of topic, origin and data
}

func vectors(t testing.TB) (all []vector) {
	file, err := os.Open("testdata/vectors.jsonl")
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var line []any
		require.NoError(t, json.Unmarshal(lines.Bytes(), &line))
		v := vector{kind: line[0].(string), input: []byte(line[1].(string))}
		if v.kind == "row" {
			v.input, err = hex.DecodeString(line[1].(string))
			require.NoError(t, err)
		}
		if v.kind == "json" {
			v.valid = line[2].(bool)
		} else {
			v.parts = [3]string{line[2].(string), line[3].(string), line[4].(string)}
		}
		all = append(all, v)
	}
	return all
}

func TestCAndGoDoWhatCPythonDoes(t *testing.T) {
	s, cache := newStager(t), new(templates)
	count, inC := map[string]int{}, map[string]int{}
	for _, v := range vectors(t) {
		count[v.kind]++
		known := false
		switch v.kind {
		case "json":
			require.Equal(t, v.valid, checkJSON(t, s, cache, v.input), "%q", v.input)
			known = isJSON(v.input)
		case "row":
			row, ok := readRow(v.input)
			require.True(t, ok, "%x", v.input)
			require.Equal(t, v.parts, [3]string{string(row.Topic), string(row.Origin), string(row.Data)})
			checkRow(t, s, v.input)
			known = marshalRow(v.input) != nil
		case "entry":
			e, err := wire.ParseEntry(v.input, []byte(origin))
			require.NoError(t, err, "%q", v.input)
			require.Equal(t, v.parts, [3]string{string(e.Topic), string(e.Origin), string(e.Data)})
			checkEntry(t, s, v.input)
			known = plain(e.Topic) && plain(e.Origin) && splitEntry(v.input) != nil
		}
		if known {
			inC[v.kind]++
		}
	}
	require.Len(t, count, 3)
	for kind, n := range count {
		require.Greater(t, inC[kind], n/10, "C does next to nothing of %s", kind)
	}
}

func TestANullOriginIsThatOfThePublisher(t *testing.T) {
	s := newStager(t)
	for _, text := range []string{`["t",null,1]`, `["t", null, [null]]`, `["",null,"null"]`} {
		checkEntry(t, s, []byte(text))
		require.True(t, stageEntry(publisher, []byte(text)), text)
		e, err := wire.ParseEntry([]byte(text), []byte(origin))
		require.NoError(t, err)
		sameMessage(t, s, e.Topic, []byte(origin), e.Data)
	}
	// As a fourth element makes null an origin, and the rest is no entry, these are for Go.
	for _, text := range []string{`["t",null,1,2]`, `["t",null,1,null]`, `["t",null]`, `["t",null,]`, `["t",nul,1]`, `["t",nullx,1]`,
		`["t",null 1]`, `[null,null,1]`, `["t",null`} {
		checkEntry(t, s, []byte(text))
		require.False(t, stageEntry(publisher, []byte(text)), text)
	}
}

// TestBytesBeyondUTF8AreForGo: the file of vectors has text only.
func TestBytesBeyondUTF8AreForGo(t *testing.T) {
	s, cache := newStager(t), new(templates)
	for _, text := range []string{"\"\xff\"", "\"\xc3\"", "\x80", "[1,\"abcdefghijkl\xf0\x9f\"]"} {
		require.False(t, checkJSON(t, s, cache, []byte(text)))
		require.False(t, isPlain([]byte(text)))
	}
}

// FuzzCAgainstGo takes any bytes for each of the three, on the same template cache and the
// same staging buffer.
func FuzzCAgainstGo(f *testing.F) {
	for i, v := range vectors(f) {
		if i%8 == 0 {
			f.Add(v.input)
		}
	}
	cache := new(templates)
	f.Fuzz(func(t *testing.T, input []byte) {
		s := newStager(t)
		checkJSON(t, s, cache, input)
		checkRow(t, s, input)
		checkEntry(t, s, input)
	})
}
