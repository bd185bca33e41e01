package main

import (
	"bufio"
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/hermes-zmq/hermes/core"
)

// subFlags are what the command line says of sub.
type subFlags struct {
	target       *target
	count        int
	origin, name string
}

func newSubCommand(std streams) *cobra.Command {
	c := &cobra.Command{
		Use:     "sub [flags] [ADDRESS] [TOPIC...]",
		Short:   "print what is published, one JSON object a line",
		GroupID: groupMessages,
	}
	o := subFlags{target: addTarget(c, sideOut)}
	f := c.Flags()
	f.IntVarP(&o.count, "count", "n", 0, "end after `n` envelopes; 0 has no limit")
	f.StringVar(&o.origin, "origin", "", "print only envelopes of the origin `name`")
	f.StringVar(&o.name, "name", "hermes-sub", "the `name` of this receiver")
	c.RunE = func(c *cobra.Command, args []string) error {
		topics, err := o.target.resolve(args)
		if err != nil {
			return err
		}
		return sub(c.Context(), std, o, topics)
	}
	return c
}

// sub prints envelopes until ctx is done or count is reached.
func sub(ctx context.Context, std streams, o subFlags, topics []string) error {
	if o.count < 0 {
		return usageError{"--count cannot be negative"}
	}
	receiver, err := core.NewReceiver(o.target.out, o.name)
	if err != nil {
		return blame(err)
	}
	defer receiver.Close()
	if err := choose(receiver, topics, o.origin); err != nil {
		return blame(err)
	}
	if err := o.target.apply(receiver); err != nil {
		return blame(err)
	}
	if err := receiver.Start(); err != nil {
		return blame(err)
	}
	defer background(std, receiver, true)()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer onReaderGone(std.out, cancel)()
	end := stopWith(ctx, receiver)
	defer end()

	err = printEnvelopes(std, receiver, o.count)
	_ = receiver.Stop(time.Second)
	if core.CodeOf(err) == core.ESTOPPED && ctx.Err() != nil {
		return nil // stopped by ctx
	}
	return err
}

// choose sets the topics and the origin of the receiver.
func choose(receiver *core.Receiver, topics []string, origin string) error {
	// A terminal may be slower than the publishers; the receiver must not stop then.
	if err := receiver.Set("on_slow", "warn"); err != nil {
		return err
	}
	for _, topic := range topics {
		if err := receiver.Subscribe(topic); err != nil {
			return err
		}
	}
	if origin == "" {
		return nil
	}
	return receiver.Accept(origin)
}

// printEnvelopes prints count envelopes, or until an error if count is 0.
func printEnvelopes(std streams, receiver *core.Receiver, count int) error {
	out := bufio.NewWriterSize(std.out, 64<<10)
	for printed := 0; count == 0 || printed < count; {
		most := 256
		if count > 0 {
			most = min(most, count-printed)
		}
		n, err := printSome(out, receiver, most)
		if err != nil {
			return err
		}
		printed += n
	}
	return nil
}

// printSome waits for an envelope and prints those that have arrived, at most most.
func printSome(out *bufio.Writer, receiver *core.Receiver, most int) (int, error) {
	delivery, err := receiver.Take(most, -1)
	if err != nil {
		return 0, err
	}
	defer delivery.Release()
	for i := range delivery.Len() {
		if err := printLine(out, delivery.At(i)); err != nil {
			return i, err
		}
	}
	return delivery.Len(), out.Flush()
}
