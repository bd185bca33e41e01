package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/hermes-zmq/hermes/core"
)

// line is one envelope as `hermes sub` prints it and `hermes pub` reads it.
type line struct {
	Topic  string          `json:"topic"`
	Origin string          `json:"origin"`
	Data   json.RawMessage `json:"data"`
}

// printLine writes one envelope as a JSON object on a line of its own. The data are
// written unchanged, so that NaN, which Python writes, is preserved.
func printLine(out *bufio.Writer, v core.View) error {
	_, err := fmt.Fprintf(out, `{"topic":%s,"origin":%s,"data":%s,"ts":%s`,
		quote(v.Topic), quote(v.Origin), oneLine(v.Data), strconv.FormatFloat(v.TS, 'f', 6, 64))
	if err == nil && v.Lost > 0 {
		_, err = fmt.Fprintf(out, `,"lost":%d`, v.Lost)
	}
	if err == nil && v.TraceParent != "" {
		_, err = fmt.Fprintf(out, `,"traceparent":%q`, v.TraceParent)
	}
	if err == nil {
		_, err = out.WriteString("}\n")
	}
	return err
}

// quote is text as a JSON string.
func quote(text []byte) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(string(text)); err != nil {
		panic(err) // strings always encode
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// oneLine is JSON without the line ends that may stand between its tokens; inside a
// string there is none.
func oneLine(data []byte) string {
	return strings.NewReplacer("\n", " ", "\r", " ").Replace(string(data))
}

// errNoEnvelope is the error of a line that is JSON but not an envelope.
var errNoEnvelope = errors.New(`not an envelope; write one as {"topic": "a/b", "data": 1}`)

// parseLine reads an envelope as printLine writes it. The data are kept unchanged, so that
// the output of sub can be published again, NaN included.
func parseLine(text []byte) (l line, err error) {
	plain := withoutNaN(text)
	d := json.NewDecoder(bytes.NewReader(plain))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return l, errNoEnvelope
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return l, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return l, err
		}
		switch end := d.InputOffset(); key {
		case "topic":
			err = json.Unmarshal(value, &l.Topic)
		case "origin":
			err = json.Unmarshal(value, &l.Origin)
		case "data":
			l.Data = text[end-int64(len(value)) : end]
		}
		if err != nil {
			return l, errNoEnvelope
		}
	}
	if l.Topic == "" || l.Data == nil {
		return l, errNoEnvelope
	}
	return l, nil
}

// withoutNaN replaces NaN and the infinities in JSON, which Python writes and Go does not read,
// by numbers of the same length.
func withoutNaN(text []byte) []byte {
	out := bytes.Clone(text)
	inString := false
	for i := 0; i < len(out); i++ {
		switch c := out[i]; {
		case c == '\\':
			i++
		case c == '"':
			inString = !inString
		case !inString && (c == 'N' || c == 'I'):
			for ; i < len(out) && unicode.IsLetter(rune(out[i])); i++ {
				out[i] = '1'
			}
			i--
		}
	}
	return out
}
