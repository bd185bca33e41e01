package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/observe"
)

// peersFlags are what the command line says of peers.
type peersFlags struct {
	target *target
	print  *printer
	watch  bool
	sort   string
}

func newPeersCommand(std streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "peers [flags] [ADDRESS]",
		Short: "list who is connected to the post offices, and how full their queues are",
		Long: `Lists the connections of the post offices that can be heard at ADDRESS, and the publishers and receivers that
show themselves: how full the queue of each is, as a share of the standard limit, its rate, what has been dropped
or lost at it since it is connected, for which share of the time it is held back, and how many subscriptions it has.
Lines on which something has been dropped between the last two reports are red.

What is shown comes from reports, topics that begin with $hermes/. hermes postoffice publishes one every two seconds;
other components do so if their option stats.interval is set. So it works over the network, as far as the policy of
the post office allows these topics. Rates need two reports, and are of the time between them: there is no --window,
because the option stats.interval of the components says how long that is.`,
		Example: "hermes peers tcp://127.0.0.1:6001\nhermes peers tcp://127.0.0.1:6001 --sort queue",
		GroupID: groupLook,
	}
	o := peersFlags{target: addTarget(c, sideOut), print: addPrinter(c, std)}
	o.target.addTimeout(c, 10*time.Second, "time limit for the first report")
	c.Flags().BoolVar(&o.watch, "watch", false, "list again with each report, until interrupted")
	c.Flags().StringVar(&o.sort, "sort", "of", "sort by this `column`")
	names := peerColumnNames()
	_ = c.RegisterFlagCompletionFunc("sort", cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp))
	c.RunE = func(c *cobra.Command, args []string) error {
		rest, err := o.target.resolve(args)
		switch {
		case err != nil:
			return err
		case len(rest) > 0:
			return usageError{"takes one address"}
		case !slices.Contains(names, o.sort):
			return usageError{fmt.Sprintf("no column %q to sort by; there are %s", o.sort, strings.Join(names, ", "))}
		}
		return o.run(c.Context(), std)
	}
	return c
}

func peerColumnNames() (names []string) {
	for _, c := range peerColumns {
		names = append(names, c.name)
	}
	return names
}

func (o *peersFlags) run(ctx context.Context, std streams) error {
	s, err := openSession(ctx, std, o.target, observe.Config{Quiet: true, Components: true, CPU: -1})
	if err != nil {
		return err
	}
	defer s.close()
	for {
		components, err := s.reports(o.target, observe.PostOffice, 2)
		if err != nil {
			return err
		}
		if err := o.show(std, components); err != nil {
			return err
		}
		if !o.watch || ctx.Err() != nil {
			return nil
		}
		s.nextReport(components)
	}
}

func (o *peersFlags) show(std streams, components []observe.Component) error {
	rows := peerRows(components, nowSeconds())
	i := slices.Index(peerColumnNames(), o.sort)
	sortPeers(rows, peerColumns[i], false)
	t := table{}
	for _, c := range peerColumns {
		t.columns = append(t.columns, heading(c.name))
	}
	for i := range rows {
		r := &rows[i]
		line := row{value: r, loud: r.drops(), weak: r.Silent > 0}
		for _, c := range peerColumns {
			line.cells = append(line.cells, c.text(r))
		}
		t.rows = append(t.rows, line)
	}
	if o.watch && o.print.asTable() {
		if _, err := io.WriteString(std.out, "\x1b[H\x1b[J"); err != nil {
			return err
		}
	}
	return o.print.print(t)
}

func nowSeconds() float64 { return float64(time.Now().UnixMicro()) / 1e6 }

// reports waits until a component of a kind (any, if it is "") has reported, and then, as long as
// the interval of the reports makes that sensible, until all known ones have reported n times.
func (s *watchSession) reports(t *target, kind string, n uint64) ([]observe.Component, error) {
	return s.reportsOf(t, kind, "", n)
}

// reportsOf is reports of the component of one name, unless that is "".
func (s *watchSession) reportsOf(t *target, kind, name string, n uint64) ([]observe.Component, error) {
	limit := t.timeout
	if limit == 0 {
		limit = time.Duration(1<<63 - 1)
	}
	const more = 5 * time.Second // that a second report may take after the first
	defer newTimedProgress(s.std, "waiting for reports", t.timeout).end()
	began := time.Now()
	var first time.Time
	for {
		all, some := s.Components(), false
		enough := true
		for _, c := range all {
			some = some || (kind == "" || c.Kind == kind) && (name == "" || c.Name == name)
			enough = enough && c.Reports >= n
		}
		if some && first.IsZero() {
			first = time.Now()
		}
		switch {
		case some && (enough || time.Since(first) > more):
			return all, nil
		case s.ctx.Err() != nil:
			return all, nil
		case !some && time.Since(began) > limit:
			return nil, nothingCame("no report of a %s%s came from %s within %v; hermes postoffice publishes them, as topics $hermes/..., "+
				"and so do other components if their option stats.interval is set; a policy must allow these topics",
				kindText(kind), quoted(name), t.out, limit)
		}
		inVain := s.unshown.everything()
		if some { // they came before the policy changed
			inVain = nil
		}
		select {
		case <-inVain:
			return nil, s.unshown.or(nil)
		case <-s.Done():
			_, err := s.Sample()
			return nil, err
		case <-s.ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func quoted(name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf(" %q", name)
}

func kindText(kind string) string {
	return map[string]string{"": "component", observe.PostOffice: "post office", observe.Publisher: "publisher", observe.Receiver: "receiver"}[kind]
}

// nextReport waits until there is a report that is newer than these.
func (s *watchSession) nextReport(seen []observe.Component) {
	sum := func(all []observe.Component) (n uint64) {
		for _, c := range all {
			n += c.Reports
		}
		return n
	}
	for before := sum(seen); s.ctx.Err() == nil && sum(s.Components()) <= before; {
		select {
		case <-s.Done():
			return
		case <-s.ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}
