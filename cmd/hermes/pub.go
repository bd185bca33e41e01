package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// maxLine is the longest line that is read from standard input.
const maxLine = 64 << 20

// pubFlags are what the command line says of pub.
type pubFlags struct {
	target      *target
	name        string
	wait, flush time.Duration
}

func newPubCommand(std streams) *cobra.Command {
	c := &cobra.Command{
		Use:     "pub [flags] [ADDRESS] [TOPIC [JSON]]",
		Short:   "publish one value, or the lines of standard input",
		GroupID: groupMessages,
	}
	o := pubFlags{target: addTarget(c, sideIn)}
	f := c.Flags()
	f.StringVar(&o.name, "name", "hermes-pub", "the `name` of this publisher, the origin of its envelopes")
	f.DurationVar(&o.wait, "wait", 5*time.Second, "time limit for waiting for a receiver before publishing")
	f.DurationVar(&o.flush, "flush", 5*time.Second, "time limit for sending the rest of the queue at the end")
	c.RunE = func(c *cobra.Command, args []string) error {
		rest, err := o.target.resolve(args)
		if err != nil {
			return err
		}
		return pub(c.Context(), std, o, rest)
	}
	return c
}

// pub publishes one value, or a value or an envelope a line, and reports how many were sent. args
// are what stands behind the address.
func pub(ctx context.Context, std streams, o pubFlags, args []string) error {
	if len(args) > 2 {
		return usageError{"takes an address, and optionally a topic and a JSON value"}
	}
	if err := errors.Join(notNegative("wait", o.wait), notNegative("flush", o.flush)); err != nil {
		return usageError{err.Error()}
	}
	if len(args) == 2 {
		if err := checkJSON([]byte(args[1])); err != nil {
			return usageError{err.Error()}
		}
	}
	if len(args) > 0 && !utf8.ValidString(args[0]) {
		return usageError{fmt.Sprintf("the topic %q is not UTF-8", args[0])}
	}
	publisher, err := o.target.publisher(o.name)
	if err != nil {
		return err
	}
	defer publisher.Close()
	if err := publisher.Start(); err != nil {
		return blame(err)
	}
	endReport := background(std, publisher, false)
	defer endReport()
	end := stopWith(ctx, publisher)
	defer end()
	job := pubJob{std: std, publisher: publisher, address: o.target.in, wait: o.wait, flush: o.flush}
	return job.run(ctx, args)
}

// pubJob is the work of pub once its publisher runs.
type pubJob struct {
	std         streams
	publisher   *core.Publisher
	address     string
	wait, flush time.Duration

	waited chan struct{} // closed when it is known whether a receiver has subscribed
	vain   error         // why none has, from then on; nil where one has
}

// inVain is the error of a wait for receivers that timed out.
type inVain struct{ error }

// run publishes what args and standard input contain. Reading standard input cannot be
// interrupted, so it has a goroutine of its own; so has the wait for a receiver, so that
// errors of the input are reported during it.
func (j *pubJob) run(ctx context.Context, args []string) error {
	j.waited = make(chan struct{})
	go func() {
		defer close(j.waited)
		if err := j.publisher.WaitReady(j.wait); err != nil {
			j.vain = inVain{j.whyNone(err)}
		}
	}()
	done := make(chan error, 1)
	go func() { done <- j.publishAll(args) }()
	waited := j.waited
	for {
		select {
		case err := <-done:
			var vain inVain
			if errors.As(err, &vain) {
				err = vain // not the error of a line
			}
			if err != nil && ctx.Err() == nil {
				return err
			}
			return j.finish(ctx)
		case <-waited:
			if waited = nil; j.vain != nil && ctx.Err() == nil {
				return j.vain
			}
		case <-ctx.Done():
			return j.finish(ctx)
		}
	}
}

// whyNone is the error of a wait for a receiver, with the reason as far as it is known.
func (j *pubJob) whyNone(err error) error {
	if core.CodeOf(err) != core.ETIMEOUT {
		return err
	}
	s := j.publisher.Stats()
	if len(s.Peers) > 0 {
		return fmt.Errorf("nothing was published within %v: connected to %s, but no receiver has subscribed to anything", j.wait, j.address)
	}
	why := s.Problem
	if why == "" {
		why = "no peer has connected to " + j.address
	}
	return fmt.Errorf("nothing was published within %v: %s", j.wait, why)
}

// finish sends the rest of the queue, and reports how many envelopes were sent.
func (j *pubJob) finish(ctx context.Context) error {
	err := j.publisher.Stop(j.flush)
	s := j.publisher.Stats()
	switch {
	case err != nil:
		return err
	case s.Accepted == 0:
		return nil
	case s.Sent == 0 && s.Unwanted > 0 && ctx.Err() == nil:
		return fmt.Errorf("connected to %s, but no receiver has subscribed to the topic: none of %s was sent", j.address, envelopes(s.Accepted))
	case s.Sent == 0 && ctx.Err() == nil:
		return fmt.Errorf("the connection to %s was lost: none of %s was sent", j.address, envelopes(s.Accepted))
	}
	text := fmt.Sprintf("sent %s to %s", envelopes(s.Sent), j.address)
	if s.Unwanted > 0 {
		text += fmt.Sprintf("; no receiver has subscribed to the topics of %d others", s.Unwanted)
	}
	if lost := s.Accepted - s.Sent - s.Unwanted; lost > 0 {
		text += fmt.Sprintf("; %d were lost with the connection", lost)
	}
	fmt.Fprintln(j.std.err, text)
	return nil
}

func envelopes(n uint64) string {
	if n == 1 {
		return "1 envelope"
	}
	return fmt.Sprintf("%d envelopes", n)
}

// publish waits for a receiver, and publishes.
func (j *pubJob) publish(topic, origin string, data []byte) error {
	<-j.waited
	if j.vain != nil {
		return j.vain
	}
	return j.publisher.Publish(topic, origin, data)
}

// publishAll publishes what the rest of the command line names: a topic with its
// value, a topic whose values come line by line, or whole envelopes line by line.
func (j *pubJob) publishAll(args []string) error {
	if len(args) == 2 {
		return j.publish(args[0], "", []byte(args[1]))
	}
	if f, ok := j.std.in.(*os.File); ok && isTerminal(f) {
		what := `envelopes such as {"topic": "a/b", "data": 1}`
		if len(args) == 1 {
			what = "JSON values"
		}
		fmt.Fprintf(j.std.err, "reads %s from the terminal, one a line, until Ctrl-D\n", what)
	}
	return eachLine(j.std.in, func(text []byte) error {
		if err := checkJSON(text); err != nil {
			return err
		}
		if len(args) == 1 {
			return j.publish(args[0], "", text)
		}
		l, err := parseLine(text)
		if err != nil {
			return err
		}
		return j.publish(l.Topic, l.Origin, l.Data)
	})
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

// eachLine calls do with every line that is not empty; an error names the line.
func eachLine(in io.Reader, do func(text []byte) error) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	n := 1
	for ; lines.Scan(); n++ {
		text := bytes.TrimSpace(lines.Bytes())
		if len(text) == 0 {
			continue
		}
		if err := do(text); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("line %d: %w", n, err)
	}
	return nil
}
