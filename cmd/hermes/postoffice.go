package main

import (
	"context"
	"encoding/json"
	"time"

	"github.com/spf13/cobra"

	"github.com/hermes-zmq/hermes/core"
)

// postOfficeFlags are what the command line says of a post office.
type postOfficeFlags struct {
	in, out, debug, policy string
	every                  time.Duration
	settings               *settings
	backbone               *backboneFlags
}

// shownEvery is the default of the option stats.interval of the command: other commands look at what the
// post office publishes of itself.
const shownEvery = "2s"

func newPostOfficeCommand(std streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "postoffice [flags]",
		Short: "relay between publishers and receivers, until interrupted",
		Long: `Relays between publishers and receivers, until interrupted. The first line on standard output is a JSON
object with the addresses, where the system has chosen the port of each that ends with :*.`,
		GroupID: groupServe,
	}
	f := c.Flags()
	var o postOfficeFlags
	f.StringVar(&o.in, "in", "tcp://127.0.0.1:6000", "`address` for publishers")
	f.StringVar(&o.out, "out", "tcp://127.0.0.1:6001", "`address` for receivers")
	f.StringVar(&o.debug, "debug", "", "`address` at which a copy of everything is published")
	f.StringVar(&o.policy, "policy", "", "`file` that says who may connect, and what each may publish and receive; read again when it changes, and on SIGHUP")
	o.backbone = addBackbone(f)
	f.DurationVar(&o.every, "stats", 0, "print the counters and their rates at this `interval`, and at the end")
	o.settings = addSettings(f)
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usageError{"takes flags only, not " + args[0]}
		}
		return postOffice(c, std, o)
	}
	return c
}

// postOffice relays until the context of the command is done.
func postOffice(c *cobra.Command, std streams, o postOfficeFlags) error {
	if err := notNegative("stats", o.every); err != nil {
		return err
	}
	joins, err := o.backbone.options()
	if err != nil {
		return err
	}
	office, err := core.NewPostOffice(o.in, o.out, o.debug)
	if err != nil {
		return blame(err)
	}
	defer office.Close()
	if err := office.Set("stats.interval", shownEvery); err != nil {
		return blame(err)
	}
	if err := o.settings.apply(office); err != nil {
		return blame(err)
	}
	if c.Flags().Changed("policy") {
		if err := office.Set("policy", o.policy); err != nil {
			return blame(err)
		}
	}
	joint, err := join(std, office, joins)
	if err != nil {
		return blame(err)
	}
	defer joint.leave()
	if err := office.Start(); err != nil {
		return blame(err)
	}
	defer reloadOnHangup(office)()
	defer background(std, office, true)()
	if err := printEndpoints(std, office, o.debug != "", joint); err != nil {
		return err
	}
	return watch(c.Context(), std, office, joint, o.every)
}

// printEndpoints prints the addresses of the post office, and of the NATS server inside it, with
// the ports that the system chose.
func printEndpoints(std streams, office *core.PostOffice, debug bool, joint *joint) error {
	sides := []string{"in", "out"}
	if debug {
		sides = append(sides, "debug")
	}
	endpoints := map[string]string{}
	for _, side := range sides {
		endpoint, err := office.Get("endpoint." + side)
		if err != nil {
			return err
		}
		endpoints[side] = endpoint
	}
	if at := joint.endpoint(); at != "" {
		endpoints["backbone"] = at
	}
	return json.NewEncoder(std.out).Encode(endpoints)
}

// watch waits until ctx is done, which is no error, or the post office fails. Counters are
// printed beside it, so that a reader that does not read them stops nothing.
func watch(ctx context.Context, std streams, office *core.PostOffice, joint *joint, every time.Duration) error {
	end := stopWith(ctx, office)
	defer end()
	if every == 0 {
		return office.Wait(-1)
	}
	due, printed := make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(printed)
		w := newStatsWriter(std.out, office, joint)
		for range due {
			w.print()
		}
		w.print()
	}()
	for {
		err := office.Wait(every)
		if core.CodeOf(err) != core.ETIMEOUT {
			close(due)
			std.finish()
			<-printed
			return err
		}
		select {
		case due <- struct{}{}:
		default: // the line before has not been read yet
		}
	}
}
