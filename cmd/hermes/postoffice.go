package main

import (
	"context"
	"encoding/json"
	"time"

	"github.com/hermes-zmq/hermes/core"
)

// postOffice relays until ctx is done.
func postOffice(ctx context.Context, std streams, args []string) error {
	f := newFlags("postoffice")
	in := f.String("in", "tcp://127.0.0.1:6000", "`address` for publishers")
	out := f.String("out", "tcp://127.0.0.1:6001", "`address` for receivers")
	debug := f.String("debug", "", "`address` at which a copy of everything is published")
	policy := f.String("policy", "", "`file` that says who may connect, and what each may publish and receive; read again when it changes, and on SIGHUP")
	joined := f.addBackbone()
	every := f.Duration("stats", 0, "print the counters and their rates at this `interval`, and at the end")
	if err := f.parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return usageError{"takes flags only, not " + f.Arg(0)}
	}
	if err := notNegative("stats", *every); err != nil {
		return err
	}

	joins, err := joined.options()
	if err != nil {
		return err
	}

	office, err := core.NewPostOffice(*in, *out, *debug)
	if err != nil {
		return blame(err)
	}
	defer office.Close()
	if err := f.settings.apply(office); err != nil {
		return blame(err)
	}
	if f.Changed("policy") {
		if err := office.Set("policy", *policy); err != nil {
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
	if err := printEndpoints(std, office, *debug != "", joint); err != nil {
		return err
	}
	return watch(ctx, std, office, joint, *every)
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
