package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/supervisor"
	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/internal/address"
)

// health looks whether a post office is alive: it runs, its counters can be read, which takes the locks that
// every message takes, and every side serves who connects.
type health struct {
	office interface {
		Get(key string) (string, error)
		Stats() core.PostOfficeStats
	}
	refused uint64 // handshakes at the last look
}

// check is one look. A side that does not answer while handshakes are refused is under attack, and slow because it
// limits them: it is alive.
func (h *health) check(ctx context.Context) error {
	if state, err := h.office.Get("state"); err != nil || state != "running" {
		return fmt.Errorf("the post office is %s", state)
	}
	before := h.refused
	h.refused = h.office.Stats().Refused
	for _, side := range []string{"in", "out", "debug"} {
		endpoints, err := h.office.Get("endpoint." + side)
		if err != nil {
			return err
		}
		if endpoints == "" {
			continue
		}
		for _, endpoint := range strings.Split(endpoints, ",") {
			err := supervisor.Probe(ctx, endpoint)
			if errors.Is(err, supervisor.ErrDead) && h.refused == before {
				return fmt.Errorf("--%s: %w", side, err)
			}
		}
	}
	return nil
}

// probeTime is how long --health waits for an answer.
const probeTime = 5 * time.Second

// askHealth looks at a post office of another process from outside.
func (o *postOfficeFlags) askHealth(ctx context.Context, std streams) error {
	if _, err := o.load(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	looked := 0
	for _, side := range []struct{ name, at string }{{"in", o.in}, {"out", o.out}} {
		list, err := address.ParseList(side.at, true)
		if err != nil {
			return blame(err)
		}
		for _, bound := range list.Bind {
			a, err := address.Parse(bound)
			switch {
			case err != nil:
				return blame(err)
			case a.Connectable() != nil && a.Host != "*" || (a.Transport == "tcp" || a.Transport == "tls") && a.Port == 0:
				return usageError{fmt.Sprintf("--%s %s does not say where the post office listens: write its port, or its path", side.name, bound)}
			}
			if err := supervisor.Probe(ctx, bound); err != nil {
				return fmt.Errorf("--%s: %w", side.name, err)
			}
			looked++
		}
	}
	_, err := fmt.Fprintf(std.out, "alive: %d addresses are served\n", looked)
	return err
}
