package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/audit"
	"github.com/hermes-zmq/hermes/cmd/hermes/internal/humane"
	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/internal/systemtopic"
)

func newAuditCommand(std streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "audit [flags] [ADDRESS...]",
		Short: "prove that no envelope has vanished, or say where",
		Long: `Collects what post offices, publishers and receivers publish of themselves (topics that begin with $hermes/), at
the receivers' addresses of one or several post offices, waits until nothing moves any more, and prints the balance:
what each component took in, passed on and lost, by what its counters call it, and of every connection what one end
has sent and the other received.

hermes postoffice shows itself every two seconds; a publisher or receiver does if its option stats.interval is set. A
component that is gone, because it was killed say, is marked as gone, and counts with its last state.
Components on the engine libzmq, and those of 1.x, show nothing and cannot be audited. The exit code is 5 if
something is unexplained, and 3 if things still moved when the time was up.`,
		Example: `hermes audit tcp://127.0.0.1:6001 --timeout 5s || echo "exit code $?" # 5 while envelopes pass`,
		GroupID: groupLook,
	}
	t, print := addTarget(c), addPrinter(c, std)
	t.addTimeout(c, 30*time.Second, "time limit for everything to come to rest")
	c.RunE = func(c *cobra.Command, args []string) error {
		rest, err := t.resolve(args)
		switch {
		case err != nil:
			return err
		case len(rest) > 0:
			return usageError{"takes addresses only, not " + rest[0]}
		}
		addresses := t.addresses()
		if len(t.given) == 0 && t.out != "" {
			addresses = []string{t.out}
		}
		r, err := auditAt(c.Context(), std, t, addresses)
		if err != nil {
			return err
		}
		return showBalance(std, print, r)
	}
	return c
}

// auditAt collects states at the addresses until nothing moves, the time is up, or ctx is done.
func auditAt(ctx context.Context, std streams, t *target, addresses []string) (*audit.Report, error) {
	if t.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, t.timeout)
		defer cancel()
	}
	envelopes := make(chan core.Envelope)
	refused := make(chan error, len(addresses))
	for _, address := range addresses {
		r, err := t.receiverAt(address, "hermes-audit")
		if err != nil {
			return nil, err
		}
		defer r.Close()
		if err := r.Set("on_slow", "ignore"); err != nil {
			return nil, err
		}
		if err := r.Subscribe(systemtopic.Prefix); err != nil {
			return nil, err
		}
		if err := r.Start(); err != nil {
			return nil, err
		}
		hearRefusal(ctx, r, refused)
		go func() {
			for e := range r.All() {
				select {
				case envelopes <- e:
				case <-ctx.Done():
					return
				}
			}
		}()
	}
	defer newTimedProgress(std, "auditing", t.timeout).end()
	auditor, look := audit.New(), time.NewTicker(100*time.Millisecond)
	defer look.Stop()
	for {
		select {
		case e := <-envelopes:
			auditor.Add(e.Topic, e.Data, e.TS, time.Now())
		case err := <-refused:
			return nil, err
		case <-look.C:
			if auditor.Still(time.Now()) {
				return auditor.Report(time.Now()), nil
			}
		case <-ctx.Done():
			return auditor.Report(time.Now()), nil
		}
	}
}

// hearRefusal sends why a receiver gets no reports, if a peer or a policy refuses them: without those of one post office nothing
// is proved.
func hearRefusal(ctx context.Context, r *core.Receiver, to chan<- error) {
	refused := refusalsOf([]string{systemtopic.Prefix})
	go func() { _ = refused.await(r) }()
	go func() {
		for e, err := r.NextEvent(-1); err == nil; e, err = r.NextEvent(-1) {
			refused.hear(e)
		}
	}()
	go func() {
		select {
		case <-refused.everything():
			to <- refused.or(nil)
		case <-ctx.Done():
		}
	}()
}

// showBalance prints a report, and returns the error for the exit code.
func showBalance(std streams, print *printer, r *audit.Report) error {
	for _, text := range r.Problems {
		fmt.Fprintln(std.err, humane.Plain(text))
	}
	if len(r.Parts) == 0 {
		return nothingCame("no component has shown itself: is it a receivers' address, may this user subscribe to %s, and is stats.interval set there?", systemtopic.Prefix)
	}
	var err error
	if print.asTable() {
		err = print.print(balanceTable(r))
	} else {
		err = print.line(r)
	}
	switch {
	case err != nil:
		return err
	case !r.Still:
		return nothingCame("something still moved when the time was up: nothing is proved")
	case r.Unexplained > 0:
		return incomplete("%d envelopes are unexplained", r.Unexplained)
	}
	return nil
}

// balanceTable has a line for each component and each connection, and the sums.
func balanceTable(r *audit.Report) table {
	t := table{columns: []string{"WHERE", "IN", "OUT", "WAITING", "LOSSES", "UNEXPLAINED"}}
	add := func(where string, in, out, waiting uint64, losses []audit.Loss, unexplained int64) {
		t.rows = append(t.rows, row{
			cells: []string{where, count(in), count(out), count(waiting), lossText(losses), fmt.Sprint(unexplained)},
			loud:  unexplained != 0,
		})
	}
	for _, p := range r.Parts {
		where := p.Kind + "/" + p.Name
		if p.Gone {
			where += " (gone: last known state)"
		}
		in, out := p.Accepted+p.Passed, p.Passed
		if p.Kind == "receiver" {
			in, out = p.Delivered, p.Delivered
		}
		add(where, in, out, p.Waiting, p.Losses, p.Unexplained)
	}
	for _, l := range r.Links {
		add(l.From+" > "+l.To, l.Sent, l.Received, l.Waiting, l.Losses, l.Unexplained)
	}
	add("accepted, delivered", r.Accepted, r.Delivered, 0, r.Losses, int64(r.Unexplained))
	return t
}

func count(n uint64) string { return fmt.Sprint(n) }

// lossText lists losses in one cell.
func lossText(losses []audit.Loss) string {
	texts := make([]string, 0, len(losses))
	for _, l := range losses {
		texts = append(texts, fmt.Sprintf("%s %d", l.Name, l.Count))
	}
	slices.Sort(texts)
	return strings.Join(texts, ", ")
}
