package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/hermes-zmq/hermes/core"
)

// pubFlags are what the command line says of pub.
type pubFlags struct {
	target          *target
	print           *printer
	name, out       string
	wait, flush     time.Duration
	every           time.Duration
	rate            float64
	count           int
	template, lines bool
	waitReceivers   int

	topic, value       string // the arguments behind the address
	hasTopic, hasValue bool
}

func newPubCommand(std streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "pub [flags] [ADDRESS] [TOPIC [JSON]]",
		Short: "publish one value, or the lines of standard input",
		Long: `Publishes a JSON value, or without one a value for each line of standard input; without a topic each line is a whole
envelope, {"topic": "a/b", "data": 1}, as sub prints it. Before it publishes, it waits until a receiver has subscribed.

With --template the topic and the value are templates of Go's text/template, which are executed for each envelope;
{{n}} counts them from 1, and with --lines {{line}} is the line of standard input. The functions are these:

` + templateHelp,
		Example: `hermes pub tcp://127.0.0.1:6000 ticks/EURUSD '{"price": 1.08}'
seq 3 | hermes pub tcp://127.0.0.1:6000 numbers
hermes pub --count 3 --every 10ms --template tcp://127.0.0.1:6000 'desk/{{n}}' '{"bid": {{random 1.07 1.09}}, "at": {{now}}}'
date | hermes pub --lines tcp://127.0.0.1:6000 dates`,
		GroupID: groupMessages,
	}
	o := pubFlags{target: addTarget(c, sideIn), print: addJSON(c, std)}
	c.Flags().Lookup("json").Usage = "print how many envelopes were sent, as a JSON object on standard output"
	f := c.Flags()
	f.Float64Var(&o.rate, "rate", 0, "publish at most `n` envelopes a second")
	f.DurationVar(&o.every, "every", 0, "publish one envelope each `interval`")
	f.IntVar(&o.count, "count", 0, "end after `n` envelopes (default 1 of a value; without a limit with --rate or --every, and of standard input)")
	f.BoolVar(&o.template, "template", false, "execute the topic and the value as templates, for each envelope")
	f.BoolVar(&o.lines, "lines", false, "publish the lines of standard input as strings, whatever they are; with a value and --template, put them into it")
	f.DurationVar(&o.wait, "wait", 5*time.Second, "`time` limit for waiting for a receiver before publishing")
	f.IntVar(&o.waitReceivers, "wait-receivers", 0, "wait until `n` receivers have subscribed to something; a post office is asked for them at its --out")
	f.StringVar(&o.out, "out", "", "`address` for receivers of the post office, for --wait-receivers (default that of the context)")
	f.DurationVar(&o.flush, "flush", 5*time.Second, "`time` limit for sending the rest of the queue at the end")
	f.StringVar(&o.name, "name", "hermes-pub", "the `name` of this publisher, the origin of its envelopes")
	c.RunE = func(c *cobra.Command, args []string) error {
		rest, err := o.target.resolve(args)
		if err != nil {
			return err
		}
		if o.out == "" {
			o.out = o.target.out
		}
		if err := o.take(rest, f.Changed("count")); err != nil {
			return err
		}
		return pub(c.Context(), std, o)
	}
	return c
}

// take takes over the arguments behind the address, and refuses what makes no sense.
func (o *pubFlags) take(args []string, counted bool) error {
	if len(args) > 2 {
		return usageError{"takes an address, and optionally a topic and a JSON value"}
	}
	if o.hasTopic = len(args) > 0; o.hasTopic {
		o.topic = args[0]
	}
	if o.hasValue = len(args) > 1; o.hasValue {
		o.value = args[1]
	}
	for name, d := range map[string]time.Duration{"wait": o.wait, "flush": o.flush, "every": o.every} {
		if err := notNegative(name, d); err != nil {
			return err
		}
	}
	switch {
	case o.rate < 0 || math.IsNaN(o.rate):
		return usageError{"--rate cannot be negative"}
	case o.count < 0 || o.waitReceivers < 0:
		return usageError{"--count and --wait-receivers cannot be negative"}
	case o.rate > 0 && o.every > 0:
		return usageError{"--rate and --every are two ways to say the same; drop one of them"}
	case o.lines && !o.hasTopic:
		return usageError{"--lines needs a topic for the lines"}
	case o.lines && o.hasValue && !o.template:
		return usageError{"--lines takes the values from standard input; drop the value, or add --template and write {{json line}} into it"}
	case o.template && !o.hasTopic:
		return usageError{"--template needs a topic, and a value unless that comes from standard input"}
	case o.hasValue && !o.template:
		if err := checkJSON([]byte(o.value)); err != nil {
			return usageError{err.Error()}
		}
	}
	if !utf8.ValidString(o.topic) {
		return usageError{fmt.Sprintf("the topic %q is not UTF-8", o.topic)}
	}
	if o.rate > 0 {
		o.every = max(1, time.Duration(float64(time.Second)/o.rate))
	}
	if !counted && o.hasValue && !o.lines && o.every == 0 {
		o.count = 1
	}
	return nil
}

// pub publishes one value, or a value or an envelope a line, and reports how many were sent.
func pub(ctx context.Context, std streams, o pubFlags) error {
	job := pubJob{ctx: ctx, std: std, o: o, address: o.target.in}
	if err := job.parse(); err != nil {
		return err
	}
	publisher, err := o.target.publisher(o.name)
	if err != nil {
		return err
	}
	defer publisher.Close()
	if err := publisher.Start(); err != nil {
		return blame(err)
	}
	job.refused = &refusals{all: make(chan struct{})}
	job.endReport = background(std, publisher, false, job.refused.hear)
	defer job.endReport()
	end := stopWith(ctx, publisher)
	defer end()
	job.publisher = publisher
	return job.run()
}

// pubJob is the work of pub once its publisher runs.
type pubJob struct {
	ctx       context.Context
	std       streams
	o         pubFlags
	publisher *core.Publisher
	address   string
	making    *making // nil: without templates
	published int
	next      time.Time // when the next envelope is due, with --every
	progress  *progress
	refused   *refusals
	endReport func()

	waited chan struct{} // closed when it is known whether a receiver has subscribed
	vain   error         // why none has, from then on; nil where one has
}

// inVain is the error of a wait for receivers that timed out.
type inVain struct{ error }

func (v inVain) Unwrap() error { return v.error }

// run publishes what the flags and standard input contain. Reading standard input cannot be
// interrupted, so it has a goroutine of its own; so has the wait for a receiver, so that
// errors of the input are reported during it.
func (j *pubJob) run() error {
	ctx := j.ctx
	j.waited = make(chan struct{})
	waiting := newTimedProgress(j.std, "waiting for a receiver", j.o.wait)
	go func() {
		defer close(j.waited)
		defer waiting.end()
		if err := j.publisher.WaitReady(j.o.wait); err != nil {
			j.vain = inVain{j.whyNone(err)}
		} else if err := j.waitReceivers(); err != nil {
			j.vain = inVain{err}
		}
	}()
	done := make(chan error, 1)
	go func() { done <- j.publishAll() }()
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
		return nothingCame("nothing was published within %v: connected to %s, but no receiver has subscribed to anything", j.o.wait, j.address)
	}
	why := s.Problem
	if why == "" {
		why = "no peer has connected to " + j.address
	}
	return nothingCame("nothing was published within %v: %s", j.o.wait, why)
}

// sentLine is what pub has done, in JSON.
type sentLine struct {
	Envelopes uint64 `json:"envelopes"`
	Sent      uint64 `json:"sent"`
	Unwanted  uint64 `json:"unwanted"` // no receiver had subscribed to them
	Lost      uint64 `json:"lost"`     // with the connection, or not sent in time
}

// finish sends the rest of the queue, and reports how many envelopes were sent.
func (j *pubJob) finish(ctx context.Context) error {
	err := j.publisher.Stop(j.o.flush)
	j.endReport() // the post office has said by then what it did not take
	s := j.publisher.Stats()
	if j.o.print.json {
		line := sentLine{s.Accepted, s.Sent, s.Unwanted, s.Accepted - s.Sent - s.Unwanted}
		if failed := j.o.print.line(line); failed != nil {
			return failed
		}
	}
	switch {
	case core.CodeOf(err) == core.ETIMEOUT:
		return incomplete("%d of %s were sent to %s: %v", s.Sent, envelopes(s.Accepted), j.address, err)
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
	return j.refused.or(nil)
}

func envelopes(n uint64) string {
	if n == 1 {
		return "1 envelope"
	}
	return fmt.Sprintf("%d envelopes", n)
}
