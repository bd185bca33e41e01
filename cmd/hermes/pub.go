package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/hermes-zmq/hermes/core"
)

// maxLine is the longest line that is read from standard input.
const maxLine = 64 << 20

// pub publishes one value, or a value a line, or an envelope a line.
func pub(ctx context.Context, std streams, args []string) error {
	f := newFlags(std, "pub")
	name := f.String("name", "hermes-pub", "the `name` of this publisher, the origin of what it says")
	wait := f.Duration("wait", 5*time.Second, "how long to wait for a receiver before publishing")
	flush := f.Duration("flush", 5*time.Second, "how long to wait at the end until everything is sent")
	if err := f.parse(args); err != nil {
		return err
	}
	if f.NArg() == 0 || f.NArg() > 3 {
		return usageError{"an address, and then a topic and a JSON value if you like"}
	}

	publisher, err := core.NewPublisher(f.Arg(0), *name)
	if err != nil {
		return err
	}
	defer publisher.Close()
	if err := f.settings.apply(publisher); err != nil {
		return err
	}
	if err := publisher.Start(); err != nil {
		return err
	}
	end := stopWith(ctx, publisher)
	defer end()
	if err := publisher.WaitReady(*wait); err != nil {
		return fmt.Errorf("nobody listens for any topic at %s: %w", f.Arg(0), err)
	}

	// In a goroutine, because reading standard input cannot be interrupted.
	done := make(chan error, 1)
	go func() { done <- publishAll(std, publisher, f.Args()[1:]) }()
	select {
	case err := <-done:
		if err != nil && ctx.Err() == nil {
			return err
		}
	case <-ctx.Done():
	}
	return publisher.Stop(*flush)
}

// publishAll publishes what the rest of the command line asks for: a topic with its
// value, a topic whose values come line by line, or whole envelopes line by line.
func publishAll(std streams, publisher *core.Publisher, args []string) error {
	switch len(args) {
	case 2:
		return publisher.Publish(args[0], "", []byte(args[1]))
	case 1:
		return eachLine(std.in, func(text []byte) error {
			return publisher.Publish(args[0], "", text)
		})
	default:
		return eachLine(std.in, func(text []byte) error {
			var l line
			if err := json.Unmarshal(text, &l); err != nil {
				return err
			}
			if l.Topic == "" || l.Data == nil {
				return errors.New(`an envelope looks like {"topic": "a/b", "data": 1}`)
			}
			return publisher.Publish(l.Topic, l.Origin, l.Data)
		})
	}
}

// eachLine hands over all lines but the empty ones; the error of one says which.
func eachLine(in io.Reader, do func(text []byte) error) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		text := bytes.TrimSpace(lines.Bytes())
		if len(text) == 0 {
			continue
		}
		if err := do(text); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	return lines.Err()
}
