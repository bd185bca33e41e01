package main

import (
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/spf13/cobra"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/humane"
	"github.com/hermes-zmq/hermes/cmd/hermes/internal/observe"
)

// topFlags are what the command line says of top.
type topFlags struct {
	target   *target
	print    *printer
	interval time.Duration
	by, sort string
	once     bool
	csv      bool
	cpu      float64
	topics   []string
}

// topKeys are the keys of top, for its footer and for the help.
const topKeys = "tab what · ←→ sort · r reverse · ↑↓ scroll · p pause · q quit"

func newTopCommand(std streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "top [flags] [ADDRESS] [TOPIC...]",
		Short: "show topics, origins or peers with their rates, queues and drops, live",
		Long: `Shows what passes at ADDRESS, and who is connected to its post office, once a second: by topic, by origin or by
peer (tab changes over). ← and → choose the column to sort by, r turns the order around, arrows and page keys
scroll, p pauses, q quits. What has lost envelopes, or dropped some, since the last line is red. Queues of peers
have bars: full is the standard limit of such a queue.

With --once it prints one table and ends, with --csv lines of CSV, again and again without --once. What topics
and peers are is told by hermes help topics and hermes help peers; it uses as little of a core as those do (--cpu).`,
		Example: "hermes top tcp://127.0.0.1:6001 --once --interval 1s\nhermes top tcp://127.0.0.1:6001 --once --csv --by origin --sort bandwidth --interval 1s",
		GroupID: groupLook,
	}
	o := topFlags{target: addTarget(c, sideOut), print: addPrinter(c, std)}
	o.target.addTimeout(c, 5*time.Second, "time limit for the connection")
	f := c.Flags()
	f.DurationVar(&o.interval, "interval", time.Second, "time from one picture to the next")
	f.StringVar(&o.by, "by", "topic", "what lines stand for: topic, origin or peer")
	f.StringVar(&o.sort, "sort", "", "sort by this `column` (default the rate)")
	f.BoolVar(&o.once, "once", false, "print one table, and end")
	f.BoolVar(&o.csv, "csv", false, "print lines of CSV")
	addCPU(f, &o.cpu)
	_ = c.RegisterFlagCompletionFunc("by", cobra.FixedCompletions(topViews, cobra.ShellCompDirectiveNoFileComp))
	c.RunE = func(c *cobra.Command, args []string) error {
		var err error
		if o.topics, err = o.target.resolve(args); err != nil {
			return err
		}
		return o.run(c.Context(), std)
	}
	return c
}

// topViews are what lines of top stand for, in the order of the tab key.
var topViews = []string{"topic", "origin", "peer"}

func (o *topFlags) run(ctx context.Context, std streams) error {
	v := newTopView(o.target.out)
	if v.by = slices.Index(topViews, o.by); v.by < 0 {
		return usageError{fmt.Sprintf("--by is %s", strings.Join(topViews, ", "))}
	}
	if o.sort != "" {
		at := slices.Index(v.names(), o.sort)
		if at < 0 {
			return usageError{fmt.Sprintf("no column %q to sort by; there are %s", o.sort, strings.Join(v.names(), ", "))}
		}
		v.sorts[v.by] = at
	}
	if o.interval < 10*time.Millisecond {
		return usageError{"--interval is 10ms at least"}
	}
	plain := o.once || o.csv || !o.print.asTable()
	reports := std
	if !plain {
		reports.err = io.Discard // the screen shows problems and events itself
	}
	s, err := openSession(ctx, reports, o.target, observe.Config{Topics: o.topics, CPU: o.cpu, Components: true,
		By: []observe.Key{observe.ByTopic, observe.ByOrigin}})
	if err != nil {
		return err
	}
	defer s.close()
	if plain {
		return o.plain(std, s, v)
	}
	return o.screen(ctx, std, s, v)
}

// plain prints tables, JSON or CSV, one after the other.
func (o *topFlags) plain(std streams, s *watchSession, v *topView) error {
	for first := true; ; first = false {
		w, err := s.sample(o.interval, o.once)
		if err != nil {
			return err
		}
		if v.by == 2 {
			if _, err := s.reports(o.target, "", 2); err != nil {
				return err
			}
		} else if o.once && w.nothing() {
			return s.refused.or(nothingCame("nothing passed at %s within %v%s", o.target.out, o.interval, whyNothing(w)))
		}
		v.take(&w.Sample, s.Components(), nil)
		t := v.table(0, v.length())
		if o.csv {
			err = printCSV(std, t, v, first)
		} else {
			err = o.print.print(t)
		}
		if err != nil || o.once || w.ended {
			return err
		}
	}
}

// printCSV prints the lines of a table, with numbers as they are, and once its headings.
func printCSV(std streams, t table, v *topView, first bool) error {
	w := csv.NewWriter(std.out)
	if first {
		_ = w.Write(append([]string{"time"}, v.names()...))
	}
	at := v.sample.At.UTC().Format("2006-01-02T15:04:05.000Z")
	for i := range t.rows {
		_ = w.Write(append([]string{at}, v.raw(i)...))
	}
	w.Flush()
	return w.Error()
}

// screen runs the live screen.
func (o *topFlags) screen(ctx context.Context, std streams, s *watchSession, v *topView) error {
	m := &topModel{view: v, session: s, interval: o.interval}
	p := tea.NewProgram(m, tea.WithContext(ctx), tea.WithInput(std.in), tea.WithOutput(terminalOf(std.out)), tea.WithoutSignalHandler())
	_, err := p.Run()
	if ctx.Err() != nil {
		return nil
	}
	return cmp.Or(m.err, err)
}

// topView is what top shows: the last sample, of which one view is chosen.
type topView struct {
	address    string
	by         int    // index in topViews
	sorts      [3]int // column of each view
	reverse    [3]bool
	sample     observe.Sample
	rows       []observe.Row // of the view, sorted
	peers      []peerRow
	components []observe.Component
	events     []observe.Event
}

// topColumns are those of topics and of origins.
var topColumns = []rowColumn{rateColumn, bandwidthColumn, countColumn,
	numberColumn("total", func(_ *observe.Sample, r *observe.Row) float64 { return float64(r.Total) }, func(x float64) string { return humane.Count(uint64(x)) }),
	delayColumn, jitterColumn, lostColumn}

func newTopView(address string) *topView {
	v := &topView{address: address, sorts: [3]int{1, 1, 3}}
	return v
}

// columns are those of topics or origins.
func (v *topView) columns() []rowColumn {
	return append([]rowColumn{{topViews[v.by], topicColumn.text, nil}}, topColumns...)
}

// names are the columns of the view.
func (v *topView) names() []string {
	if v.by == 2 {
		return peerColumnNames()
	}
	return columnNames(v.columns())
}

// take replaces what is shown.
func (v *topView) take(s *observe.Sample, components []observe.Component, events []observe.Event) {
	v.sample, v.components, v.events = *s, components, events
	v.sortAgain()
}

// sortAgain sorts the rows of the view.
func (v *topView) sortAgain() {
	if v.by == 2 {
		v.peers = peerRows(v.components, nowSeconds())
		sortPeers(v.peers, peerColumns[v.sorts[2]], v.reverse[2])
		return
	}
	if len(v.sample.Rows) <= v.by {
		return
	}
	v.rows = slices.Clone(v.sample.Rows[v.by])
	sortRows(&v.sample, v.rows, v.columns()[v.sorts[v.by]], v.reverse[v.by])
	if other := v.sample.Other[v.by]; other.Count > 0 {
		other.Name = "(others)"
		v.rows = append(v.rows, other)
	}
}

// length is how many rows the view has.
func (v *topView) length() int {
	if v.by == 2 {
		return len(v.peers)
	}
	return len(v.rows)
}

// table is the rows of the view from one to before another.
func (v *topView) table(from, to int) (t table) {
	for i, name := range v.names() {
		mark := ""
		if i == v.sorts[v.by] {
			if mark = "▼"; v.reverse[v.by] {
				mark = "▲"
			}
		}
		t.columns = append(t.columns, heading(name)+mark)
	}
	if v.by == 2 {
		for i := range v.peers[from:to] {
			r := &v.peers[from+i]
			line := row{value: r, loud: r.drops(), weak: r.Silent > 0}
			for _, c := range peerColumns {
				line.cells = append(line.cells, c.text(r))
			}
			t.rows = append(t.rows, line)
		}
		return t
	}
	for i := range v.rows[from:to] {
		r := &v.rows[from+i]
		line := row{value: v.object(r), loud: r.Lost > 0, weak: r.Count == 0}
		for _, c := range v.columns() {
			line.cells = append(line.cells, c.text(&v.sample, r))
		}
		t.rows = append(t.rows, line)
	}
	return t
}

// topLine is a row of topics or origins in JSON.
type topLine struct {
	Topic     string  `json:"topic,omitempty"`
	Origin    string  `json:"origin,omitempty"`
	Time      string  `json:"time"`
	Seconds   float64 `json:"seconds"`
	Count     uint64  `json:"envelopes"`
	Total     uint64  `json:"total"`
	Rate      float64 `json:"rate"`
	Bytes     uint64  `json:"bytes"`
	Bandwidth float64 `json:"bandwidth"`
	Delay     float64 `json:"delay"`
	Jitter    float64 `json:"jitter"`
	Lost      uint64  `json:"lost"`
}

func (v *topView) object(r *observe.Row) any {
	s := &v.sample
	line := topLine{Time: s.At.UTC().Format("2006-01-02T15:04:05.000Z"), Seconds: s.Observed.Seconds(), Count: r.Count, Total: r.Total,
		Rate: s.Rate(r.Count), Bytes: r.Bytes, Bandwidth: s.Rate(r.Bytes), Delay: r.Delay.Mean(), Jitter: r.Jitter, Lost: r.Lost}
	if v.by == 0 {
		line.Topic = r.Name
	} else {
		line.Origin = r.Name
	}
	return line
}

// raw is row i with numbers that programs read.
func (v *topView) raw(i int) (cells []string) {
	number := func(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }
	if v.by == 2 {
		for _, c := range peerColumns {
			if c.value != nil {
				cells = append(cells, number(c.value(&v.peers[i])))
			} else {
				cells = append(cells, c.text(&v.peers[i]))
			}
		}
		return cells
	}
	for _, c := range v.columns() {
		if c.value != nil {
			cells = append(cells, number(c.value(&v.sample, &v.rows[i])))
		} else {
			cells = append(cells, v.rows[i].Name)
		}
	}
	return cells
}
