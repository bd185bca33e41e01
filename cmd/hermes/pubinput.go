package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/template"
	"time"
	"unicode/utf8"

	"github.com/hermes-zmq/hermes/internal/wire"
)

// maxLine is the longest line that is read from standard input.
const maxLine = 64 << 20

// errEnough is the error of the line behind the last one that --count takes.
var errEnough = errors.New("that is enough")

// publishAll publishes what the command line names: a topic with its value, a topic whose values
// come line by line, or whole envelopes line by line.
func (j *pubJob) publishAll() error {
	defer func() {
		if j.progress != nil {
			j.progress.end()
		}
	}()
	if j.o.hasValue && !j.o.lines {
		for j.o.count == 0 || j.published < j.o.count {
			if err := j.make(j.o.topic, []byte(j.o.value), ""); err != nil {
				return err
			}
		}
		return nil
	}
	if terminalOfInput(j.std.in) {
		fmt.Fprintf(j.std.err, "reads %s from the terminal, one a line, until Ctrl-D\n", j.expects())
	}
	err := eachLine(j.std.in, j.publishLine)
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// expects is what standard input should contain.
func (j *pubJob) expects() string {
	switch {
	case j.o.lines:
		return "texts"
	case j.o.hasTopic:
		return "JSON values"
	}
	return `envelopes such as {"topic": "a/b", "data": 1}`
}

func terminalOfInput(in io.Reader) bool {
	f, ok := in.(*os.File)
	return ok && isTerminal(f)
}

// publishLine publishes what one line of standard input contains.
func (j *pubJob) publishLine(text []byte) error {
	if j.o.count > 0 && j.published == j.o.count {
		return errEnough
	}
	if j.o.lines {
		value := []byte(j.o.value)
		if !j.o.hasValue {
			if !utf8.Valid(text) {
				return errors.New("it is not UTF-8")
			}
			value = []byte(quote(text))
		}
		return j.make(j.o.topic, value, string(text))
	}
	if text = bytes.TrimSpace(text); len(text) == 0 {
		return nil
	}
	if err := checkJSON(text); err != nil {
		return err
	}
	if j.o.hasTopic {
		return j.make(j.o.topic, text, string(text))
	}
	l, err := parseLine(text)
	if err != nil {
		return err
	}
	return j.publish(l.Topic, l.Origin, l.Data)
}

// publish waits for a receiver and until the next envelope is due, and publishes.
func (j *pubJob) publish(topic, origin string, data []byte) error {
	<-j.waited
	if j.vain != nil {
		return j.vain
	}
	if j.progress == nil { // the bar of the wait has gone
		j.progress = newProgress(j.std, "publishing", int64(j.o.count))
	}
	if err := j.pace(); err != nil {
		return err
	}
	if err := j.publisher.Publish(topic, origin, data); err != nil {
		return err
	}
	j.published++
	j.progress.add(1)
	return nil
}

// pace waits until the next envelope is due. One that comes late does not delay those behind it,
// as long as it is no more than a second late.
func (j *pubJob) pace() error {
	if j.o.every == 0 {
		return nil
	}
	const latest = time.Second
	now := time.Now()
	if j.next.IsZero() || now.Sub(j.next) > latest {
		j.next = now
	}
	if early := j.next.Sub(now); early > 0 {
		select {
		case <-time.After(early):
		case <-j.ctx.Done():
			return j.ctx.Err()
		}
	}
	j.next = j.next.Add(j.o.every)
	return nil
}

// making executes the templates of topic and value. It is for one goroutine.
type making struct {
	topic, value *template.Template // value is nil where standard input has the values
	n            int
	line         string
}

// parse parses the templates, and tries them with a first envelope, so that a mistake is found
// before anything is waited for.
func (j *pubJob) parse() error {
	if !j.o.template {
		return nil
	}
	m := &making{}
	functions := template.FuncMap{"n": func() int { return m.n }, "line": func() string { return m.line }}
	var err error
	if m.topic, err = parseTemplate("template", j.o.topic, functions); err != nil {
		return err
	}
	if j.o.hasValue {
		if m.value, err = parseTemplate("template", j.o.value, functions); err != nil {
			return err
		}
	}
	m.n = 1
	if _, _, err = m.execute(nil); err != nil && !(j.o.lines && j.o.hasValue) { // it may need the line
		return usageError{err.Error()}
	}
	m.n = 0
	j.making = m
	return nil
}

// execute makes a topic and a value.
func (m *making) execute(value []byte) (string, []byte, error) {
	var topic, made bytes.Buffer
	if err := m.topic.Execute(&topic, nil); err != nil {
		return "", nil, fmt.Errorf("--template: the topic: %w", err)
	}
	if m.value == nil {
		return topic.String(), value, nil
	}
	if err := m.value.Execute(&made, nil); err != nil {
		return "", nil, fmt.Errorf("--template: the value: %w", err)
	}
	if err := checkJSON(made.Bytes()); err != nil {
		return "", nil, fmt.Errorf("--template: what it makes, %w", err)
	}
	return topic.String(), made.Bytes(), nil
}

// make publishes a topic and a value, or what their templates make of a line.
func (j *pubJob) make(topic string, value []byte, line string) error {
	if m := j.making; m != nil {
		m.n++
		m.line = line
		var err error
		if topic, value, err = m.execute(value); err != nil {
			return err
		}
	}
	return j.publish(topic, "", value)
}

// checkJSON explains what is wrong with a value, and how a string is written.
func checkJSON(text []byte) error {
	if wire.Valid(text) {
		return nil
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return errors.New(`the value is empty, which is not JSON; an empty string is written '""'`)
	}
	const most = 60
	shown := string(text)
	if len(shown) > most {
		shown = shown[:most] + "..."
	}
	advice := ""
	if !strings.ContainsAny(shown, `"{[`) {
		advice = fmt.Sprintf("; a string needs quotation marks, as in '%q'", shown)
	}
	return fmt.Errorf("%s is not JSON%s", shown, advice)
}

// eachLine calls do with every line; an error names the line.
func eachLine(in io.Reader, do func(text []byte) error) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	n := 1
	for ; lines.Scan(); n++ {
		if err := do(bytes.TrimSuffix(lines.Bytes(), []byte("\r"))); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("line %d: %w", n, err)
	}
	return nil
}
