package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/hermes-zmq/hermes/core"
)

// line is one envelope as `hermes sub` prints it and `hermes pub` reads it.
type line struct {
	Topic  string          `json:"topic"`
	Origin string          `json:"origin"`
	Data   json.RawMessage `json:"data"`
}

// printLine writes one envelope as a JSON object on a line of its own. The data are
// written as they came, so that NaN, which Python writes, stays what it is.
func printLine(out *bufio.Writer, v core.View) error {
	_, err := fmt.Fprintf(out, `{"topic":%s,"origin":%s,"data":%s,"ts":%s`,
		quote(v.Topic), quote(v.Origin), oneLine(v.Data), strconv.FormatFloat(v.TS, 'f', 6, 64))
	if err == nil && v.Lost > 0 {
		_, err = fmt.Fprintf(out, `,"lost":%d`, v.Lost)
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
