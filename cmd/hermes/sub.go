package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hermes-zmq/hermes/core"
)

// subFlags are what the command line says of sub.
type subFlags struct {
	target                            *target
	count                             int
	idle                              time.Duration
	name                              string
	origins, exclude, fields          []string
	raw, json, last, lost             bool
	format, expression, exec          string
	hasFormat, hasExec, hasExpression bool
}

func newSubCommand(std streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "sub [flags] [ADDRESS] [TOPIC...]",
		Short: "print what is published, one JSON object a line",
		Long: `Prints the envelopes whose topics begin with one of the given ones, or all, one JSON object a line: topic, origin,
data, ts (seconds since 1970) and, where envelopes are missing before it, lost (how many). pub reads what sub prints.

` + whereHelp + `

A template of --format is one of Go's text/template, such as '{{.topic}} {{.data.price}}'; it has the same variables,
and these functions:

` + templateHelp + `

A command of --exec is run by sh for each envelope, one after the other: the data is its standard input; the rest is
in the environment, as HERMES_TOPIC, HERMES_ORIGIN, HERMES_TS and HERMES_LOST. Nothing of an envelope becomes part
of the command. Where it fails for some, sub goes on, and its exit code is 5.`,
		Example: `hermes sub -n 2 tcp://127.0.0.1:6001 ticks/
hermes sub -n 2 --where 'data.price > 1.07' --fields topic,price tcp://127.0.0.1:6001
hermes sub -n 1 --format '{{time "15:04:05" .ts}} {{.topic}}: {{.data.price}}' tcp://127.0.0.1:6001
hermes sub -n 1 --exec 'echo "$HERMES_TOPIC: $(cat)"' tcp://127.0.0.1:6001`,
		GroupID: groupMessages,
	}
	o := subFlags{target: addTarget(c, sideOut)}
	f := c.Flags()
	f.IntVarP(&o.count, "count", "n", 0, "end after `n` envelopes; 0 has no limit")
	o.target.addTimeout(c, 0, "end after this `time`, with exit code 3 if nothing has come, and 5 if fewer than --count")
	f.DurationVar(&o.idle, "idle", 0, "end once nothing has come for this `time`, with the exit codes of --timeout")
	f.StringArrayVar(&o.origins, "origin", nil, "print only envelopes of the origin `name`; may be repeated")
	f.StringArrayVar(&o.exclude, "exclude", nil, "print no envelopes whose topics begin with this `topic`; may be repeated")
	f.StringVar(&o.expression, "where", "", "print only envelopes that meet this `expression`")
	f.StringSliceVar(&o.fields, "fields", nil, "print only these `fields` of the data, separated by commas, as in price,book.0.size; or of the envelope: topic, origin, ts, lost, data")
	f.BoolVar(&o.json, "json", false, "print whole envelopes, as it does without this flag, or what --fields says")
	f.BoolVar(&o.raw, "raw", false, "print only the data")
	f.StringVar(&o.format, "format", "", "print what this `template` makes of an envelope")
	f.StringVar(&o.exec, "exec", "", "run this `command` for each envelope, and print nothing")
	f.BoolVar(&o.lost, "lost", false, `print a line {"lost":n,...} in front of an envelope where envelopes of its topic and origin are missing`)
	f.BoolVar(&o.last, "last", false, "print the newest envelope of each topic that the post office has in its cache, and end")
	f.StringVar(&o.name, "name", "hermes-sub", "the `name` of this receiver")
	c.RunE = func(c *cobra.Command, args []string) error {
		topics, err := o.target.resolve(args)
		if err != nil {
			return err
		}
		o.hasFormat, o.hasExec, o.hasExpression = f.Changed("format"), f.Changed("exec"), f.Changed("where")
		if err := o.check(); err != nil {
			return err
		}
		return sub(c.Context(), std, o, topics)
	}
	return c
}

// check refuses what excludes each other, or makes no sense.
func (o *subFlags) check() error {
	if o.count < 0 {
		return usageError{"--count cannot be negative"}
	}
	if err := notNegative("idle", o.idle); err != nil {
		return err
	}
	var layouts []string
	for name, is := range map[string]bool{"raw": o.raw, "fields": len(o.fields) > 0, "format": o.hasFormat, "exec": o.hasExec} {
		if is {
			layouts = append(layouts, "--"+name)
		}
	}
	if o.json && len(o.fields) == 0 && len(layouts) > 0 {
		layouts = append(layouts, "--json")
	}
	if slices.Sort(layouts); len(layouts) > 1 {
		return usageError{strings.Join(layouts, " and ") + " are ways to print the same envelope; drop all but one"}
	}
	if o.hasExec && strings.TrimSpace(o.exec) == "" {
		return usageError{"--exec is empty; give it a command"}
	}
	return nil
}

// sub prints envelopes until ctx is done or the flags say so.
func sub(ctx context.Context, std streams, o subFlags, topics []string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	receiver, err := core.NewReceiver(o.target.out, o.name)
	if err != nil {
		return blame(err)
	}
	defer receiver.Close()
	if err := choose(receiver, topics, o.origins...); err != nil {
		return blame(err)
	}
	if err := o.target.apply(receiver); err != nil {
		return blame(err)
	}
	j := &subJob{std: std, receiver: receiver, o: o, out: bufio.NewWriterSize(std.out, 64<<10), refused: refusalsOf(topics)}
	if err := j.prepare(ctx); err != nil {
		return err
	}
	if err := receiver.Start(); err != nil {
		return blame(err)
	}
	defer background(std, receiver, true, j.refused.hear)()
	defer onReaderGone(std.out, cancel)()
	end := stopWith(ctx, receiver)
	defer end()

	err = j.run()
	_ = receiver.Stop(time.Second)
	if core.CodeOf(err) == core.ESTOPPED && ctx.Err() != nil {
		err = nil // stopped by ctx
	}
	return j.conclude(err)
}

// choose sets the topics and the origins of a receiver.
func choose(receiver *core.Receiver, topics []string, origins ...string) error {
	// A terminal may be slower than the publishers; the receiver must not stop then.
	if err := receiver.Set("on_slow", "warn"); err != nil {
		return err
	}
	for _, topic := range topics {
		if err := receiver.Subscribe(topic); err != nil {
			return err
		}
	}
	for _, origin := range origins {
		if err := receiver.Accept(origin); err != nil {
			return err
		}
	}
	return nil
}

// subJob is the work of sub once its receiver runs.
type subJob struct {
	std      streams
	receiver *core.Receiver
	o        subFlags
	out      *bufio.Writer
	layout   layout
	where    *where   // nil: everything
	handler  *handler // nil: envelopes are printed

	printed  int
	started  time.Time
	newest   time.Time // when the newest of them came, or started
	refused  *refusals
	lastSeen *lastSeen // with --last
}

// prepare makes what the flags ask for, before anything is waited for.
func (j *subJob) prepare(ctx context.Context) (err error) {
	switch j.layout = wholeLine; {
	case j.o.raw:
		j.layout = dataLine
	case len(j.o.fields) > 0:
		j.layout = fieldsLine(j.o.fields)
	case j.o.hasFormat:
		t, err := parseTemplate("format", j.o.format, nil)
		if err != nil {
			return err
		}
		j.layout = formatted(t)
	case j.o.hasExec:
		j.handler = &handler{ctx: ctx, std: j.std, command: j.o.exec}
		j.layout = j.handler.run
	}
	if j.o.hasExpression {
		j.where, err = parseWhere(j.o.expression)
	}
	if j.o.last {
		j.lastSeen = newLastSeen()
	}
	return err
}

// run prints until something ends it; nil where the flags do.
func (j *subJob) run() error {
	j.started = time.Now()
	j.newest = j.started
	if j.o.target.timeout > 0 || j.o.idle > 0 || j.o.last {
		ended := make(chan struct{})
		defer close(ended)
		go func() { _ = j.refused.await(j.receiver) }()
		go j.endRefused(ended)
	}
	if j.o.last {
		return j.printLast()
	}
	for j.o.count == 0 || j.printed < j.o.count {
		left, limited := j.left()
		if limited && left <= 0 {
			return j.timedOut()
		}
		if !limited {
			left = -1
		}
		err := j.some(left)
		if core.CodeOf(err) == core.ETIMEOUT {
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// endRefused ends the receiver if no peer lets it in, or it has no right to anything, where something else would end it later.
func (j *subJob) endRefused(ended <-chan struct{}) {
	select {
	case <-j.refused.everything():
		_ = j.receiver.Stop(0)
	case <-ended:
	}
}

// left is how long to wait for the next envelope, if there is a limit.
func (j *subJob) left() (left time.Duration, limited bool) {
	if j.o.target.timeout > 0 {
		left, limited = time.Until(j.started.Add(j.o.target.timeout)), true
	}
	if j.o.idle > 0 {
		if idle := time.Until(j.newest.Add(j.o.idle)); !limited || idle < left {
			left, limited = idle, true
		}
	}
	return left, limited
}

// timedOut is the verdict when the time is over.
func (j *subJob) timedOut() error {
	switch {
	case j.printed == 0:
		why := ""
		if problem := j.receiver.Stats().Problem; problem != "" {
			why = ": " + problem
		}
		return nothingCame("nothing came within %v%s", time.Since(j.started).Round(time.Millisecond), why)
	case j.printed < j.o.count:
		return incomplete("%d of %d envelopes came in time", j.printed, j.o.count)
	}
	return nil
}

// some waits for an envelope and prints those that have arrived.
func (j *subJob) some(timeout time.Duration) error {
	const most = 256
	n := most
	if j.o.count > 0 && j.where == nil && len(j.o.exclude) == 0 {
		n = min(n, j.o.count-j.printed)
	}
	delivery, err := j.receiver.Take(n, timeout)
	if err != nil {
		return err
	}
	defer delivery.Release()
	for i := range delivery.Len() {
		if j.o.count > 0 && j.printed == j.o.count {
			break
		}
		v := delivery.At(i)
		if err := j.one(&v); err != nil {
			return err
		}
	}
	return j.out.Flush()
}

// one prints an envelope, if it is wanted.
func (j *subJob) one(v *core.View) error {
	if j.o.lost && v.Lost > 0 {
		if err := lossLine(j.out, v); err != nil {
			return err
		}
	}
	if !j.wanted(v) {
		return nil
	}
	j.printed++
	j.newest = time.Now()
	return j.layout(j.out, v)
}

func (j *subJob) wanted(v *core.View) bool {
	for _, topic := range j.o.exclude {
		if bytes.HasPrefix(v.Topic, []byte(topic)) {
			return false
		}
	}
	return j.where == nil || j.where.holds(v)
}

// conclude says what else there is to say at the end.
func (j *subJob) conclude(err error) error {
	if j.where != nil {
		if text := j.where.notice(); text != "" {
			fmt.Fprintln(j.std.err, text)
		}
	}
	switch {
	case j.printed == 0 && err != nil && (core.CodeOf(err) == core.ESTOPPED || codeOf(err) == exitNothing):
		return j.refused.or(err)
	case err == nil && j.handler != nil:
		return j.handler.err()
	}
	return err
}
