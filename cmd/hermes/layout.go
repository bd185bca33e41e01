package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"text/template"

	"github.com/hermes-zmq/hermes/core"
)

// layout is how sub prints one envelope. The line end is part of it.
type layout func(out *bufio.Writer, v *core.View) error

// wholeLine prints an envelope as a JSON object.
func wholeLine(out *bufio.Writer, v *core.View) error { return printLine(out, *v) }

// dataLine prints the data alone.
func dataLine(out *bufio.Writer, v *core.View) error {
	_, err := out.WriteString(oneLine(v.Data) + "\n")
	return err
}

// fieldsLine prints some fields as a JSON object: topic, origin, ts, lost and data are those of
// the envelope, all others are inside the data. What an envelope does not have is null.
func fieldsLine(names []string) layout {
	paths := make([]path, len(names))
	for i, name := range names {
		paths[i] = parsePath(name)
	}
	return func(out *bufio.Writer, v *core.View) error {
		for i, name := range names {
			separator := ","
			if i == 0 {
				separator = "{"
			}
			fmt.Fprintf(out, "%s%s:%s", separator, quote([]byte(name)), field(v, paths[i]))
		}
		_, err := out.WriteString("}\n")
		return err
	}
}

// field is one field of an envelope as JSON.
func field(v *core.View, p path) string {
	switch p[0] {
	case "topic":
		return quote(v.Topic)
	case "origin":
		return quote(v.Origin)
	case "ts":
		return strconv.FormatFloat(v.TS, 'f', 6, 64)
	case "lost":
		return strconv.Itoa(int(v.Lost))
	case "data":
		p = p[1:]
	}
	found := p.in(v.Data)
	if found == nil {
		return "null"
	}
	return oneLine(found)
}

// formatted prints what a template makes of the variables of an envelope, and a line end.
func formatted(t *template.Template) layout {
	return func(out *bufio.Writer, v *core.View) error {
		variables, err := variablesOf(v)
		if err != nil {
			return err
		}
		if err := t.Execute(out, variables); err != nil {
			return usageError{strings.TrimPrefix(err.Error(), "template: ")}
		}
		return out.WriteByte('\n')
	}
}

// lossLine says in the stream of envelopes that some are missing before this one.
func lossLine(out *bufio.Writer, v *core.View) error {
	_, err := fmt.Fprintf(out, "{\"lost\":%d,\"topic\":%s,\"origin\":%s}\n", v.Lost, quote(v.Topic), quote(v.Origin))
	return err
}

// handler runs a command for each envelope: its data on standard input, the rest in the
// environment. Nothing of an envelope becomes part of the command line, so that none can change
// what is run.
type handler struct {
	ctx     context.Context
	std     streams
	command string // for sh -c
	failed  uint64
	first   error
}

func (h *handler) run(out *bufio.Writer, v *core.View) error {
	if err := out.Flush(); err != nil { // in the order of the stream
		return err
	}
	c := exec.CommandContext(h.ctx, "sh", "-c", h.command)
	c.Stdin = bytes.NewReader(append(bytes.Clone(v.Data), '\n'))
	c.Stdout, c.Stderr = pipeless(h.std.out), pipeless(h.std.err)
	c.Env = append(os.Environ(), "HERMES_TOPIC="+string(v.Topic), "HERMES_ORIGIN="+string(v.Origin),
		"HERMES_TS="+strconv.FormatFloat(v.TS, 'f', 6, 64), "HERMES_LOST="+strconv.Itoa(int(v.Lost)))
	err := c.Run()
	if err == nil || h.ctx.Err() != nil {
		return nil
	}
	if h.failed++; h.first == nil {
		h.first = fmt.Errorf("%w, for the topic %s", err, v.Topic)
	}
	return nil
}

// pipeless is the file behind a writer of a command, which a program can have itself, else the writer.
func pipeless(w io.Writer) io.Writer {
	if o, ok := w.(*output); ok {
		if file, ok := o.to.(*os.File); ok {
			return file
		}
	}
	return w
}

// err says how often the command failed.
func (h *handler) err() error {
	if h.failed == 0 {
		return nil
	}
	return incomplete("the command of --exec failed for %s: %v", envelopes(h.failed), h.first)
}
