package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/observe"
	"github.com/hermes-zmq/hermes/core"
)

// watching is what topics, hz, bw and delay have in common: they watch for a window, and show a
// line for each topic that was seen in it.
type watching struct {
	target   *target
	print    *printer
	window   time.Duration
	watch    bool
	sort     string
	limit    int
	cpu      float64
	columns  []rowColumn
	quantity observe.Quantity
	object   func(*observe.Sample, *observe.Row) any // for JSON
}

const watchLong = `

It watches for --window, prints a line for each topic, and ends; with --watch it continues, window by window.
It keeps to about half of a core (--cpu). If more passes than it can count with that, it samples: it unsubscribes
for a part of the time, says so, and rates are of the time that it was subscribed. It never holds publishers back.
But it is a receiver too: a post office whose queue.full is auto holds publishers back only while all receivers are
behind, so that where others cannot keep up while this one does, those miss envelopes instead.
At most 100,000 topics are told apart; further ones are counted together.`

// newWatchCommand makes the command of w.
func newWatchCommand(std streams, name, short, long, example string, w *watching) *cobra.Command {
	c := &cobra.Command{
		Use:     name + " [flags] [ADDRESS] [TOPIC...]",
		Short:   short,
		Long:    long + watchLong,
		Example: example,
		GroupID: groupLook,
	}
	w.target = addTarget(c, sideOut)
	w.target.addTimeout(c, 5*time.Second, "time limit for the connection")
	w.print = addPrinter(c, std)
	f := c.Flags()
	f.DurationVar(&w.window, "window", 5*time.Second, "for how long to watch before a line is printed")
	f.BoolVar(&w.watch, "watch", false, "continue with the next window, until interrupted")
	f.StringVar(&w.sort, "sort", w.columns[0].name, "sort by this `column`")
	f.IntVar(&w.limit, "limit", 0, "print only the first `n` lines; 0 has no limit")
	addCPU(f, &w.cpu)
	_ = c.RegisterFlagCompletionFunc("sort", cobra.FixedCompletions(columnNames(w.columns), cobra.ShellCompDirectiveNoFileComp))
	c.RunE = func(c *cobra.Command, args []string) error {
		topics, err := w.target.resolve(args)
		if err != nil {
			return err
		}
		return w.run(c.Context(), std, topics)
	}
	return c
}

func (w *watching) run(ctx context.Context, std streams, topics []string) error {
	by, err := findColumn(w.columns, w.sort)
	if err != nil {
		return err
	}
	if w.window <= 0 || w.limit < 0 {
		return usageError{"--window is longer than 0, and --limit not negative"}
	}
	s, err := openSession(ctx, std, w.target, observe.Config{Topics: topics, Histogram: w.quantity, CPU: w.cpu})
	if err != nil {
		return err
	}
	defer s.close()
	for {
		sample, err := s.sample(w.window, !w.watch)
		if err != nil {
			return err
		}
		if !w.watch && sample.nothing() {
			return s.refused.or(nothingCame("nothing passed at %s within %v%s", w.target.out, w.window, whyNothing(sample)))
		}
		if err := w.show(std, &sample.Sample, w.columns[by]); err != nil {
			return err
		}
		if sample.ended || !w.watch {
			return nil
		}
	}
}

// show prints one sample.
func (w *watching) show(std streams, s *observe.Sample, by rowColumn) error {
	rows := s.Rows[0]
	sortRows(s, rows, by, false)
	if other := s.Other[0]; other.Count > 0 {
		rows = append(rows, other)
	}
	if n := w.shown(); n > 0 && len(rows) > n {
		rows = rows[:n]
	}
	t := table{}
	for _, c := range w.columns {
		t.columns = append(t.columns, heading(c.name))
	}
	for i := range rows {
		r := &rows[i]
		line := row{value: w.object(s, r), loud: r.Lost > 0, weak: r.Count == 0}
		for _, c := range w.columns {
			line.cells = append(line.cells, c.text(s, r))
		}
		if r.Name == "" && i == len(rows)-1 && s.Other[0].Count > 0 {
			line.cells[0] = "(others)"
		}
		t.rows = append(t.rows, line)
	}
	if w.watch && w.print.asTable() {
		if _, err := io.WriteString(std.out, "\x1b[H\x1b[J"); err != nil {
			return err
		}
	}
	if err := w.print.print(t); err != nil {
		return err
	}
	if note := s.Note(); note != "" {
		fmt.Fprintln(std.err, note)
	}
	return nil
}

// shown is how many lines are shown: on a terminal that is redrawn, as many as it has.
func (w *watching) shown() int {
	if w.limit == 0 && w.watch && w.print.asTable() {
		return max(terminalHeight(w.print.out)-2, 1)
	}
	return w.limit
}

// addCPU declares --cpu.
func addCPU(f *pflag.FlagSet, share *float64) {
	f.Float64Var(share, "cpu", observe.DefaultCPU, "the `share` of one core that this command may use; -1 has no limit")
}

// terminalHeight is how many lines the terminal has.
func terminalHeight(w io.Writer) int {
	const unknown = 24
	if file := terminalOf(w); file != nil {
		if _, lines, err := term.GetSize(int(file.Fd())); err == nil && lines > 0 {
			return lines
		}
	}
	return unknown
}

// seenLine begins the JSON of a line: what all four commands say.
type seenLine struct {
	Topic   string  `json:"topic"`
	Other   bool    `json:"other,omitempty"` // all topics beyond the limit, together
	Time    string  `json:"time"`            // RFC 3339, UTC: the end of the window
	Seconds float64 `json:"seconds"`         // of the window, in which it was subscribed
	Sampled bool    `json:"sampled,omitempty"`
	Count   uint64  `json:"envelopes"`
	Rate    float64 `json:"rate"`
	Lost    uint64  `json:"lost"`
}

func seenOf(s *observe.Sample, r *observe.Row) seenLine {
	return seenLine{Topic: r.Name, Other: r.Name == "" && len(r.Others) == 0 && r.Count > 0, Time: s.At.UTC().Format("2006-01-02T15:04:05.000Z"),
		Seconds: s.Observed.Seconds(), Sampled: !s.Exact(), Count: r.Count, Rate: s.Rate(r.Count), Lost: r.Lost}
}

// spreadLine is a summary in JSON.
type spreadLine struct {
	Min       float64  `json:"min"`
	Mean      float64  `json:"mean"`
	Max       float64  `json:"max"`
	Deviation float64  `json:"deviation"`
	P50       *float64 `json:"p50,omitempty"`
	P99       *float64 `json:"p99,omitempty"`
}

// spreadOf is a summary, with the quantiles of the row if it is the quantity that has them.
func spreadOf(of *observe.Summary, r *observe.Row) *spreadLine {
	if of.N == 0 {
		return nil
	}
	s := &spreadLine{Min: of.Min, Mean: of.Mean(), Max: of.Max, Deviation: of.Deviation()}
	if r == nil {
		return s
	}
	if p50, ok := r.Quantile(50); ok {
		p99, _ := r.Quantile(99)
		s.P50, s.P99 = &p50, &p99
	}
	return s
}

// watchSession is an observer, with the receiver that it has.
type watchSession struct {
	*observe.Observer
	receiver *core.Receiver
	ctx      context.Context
	std      streams
	refused  *refusals // of the topics that are watched
	unshown  *refusals // of reports
	end      func()
}

// openSession begins to watch and waits until the receiver is connected.
func openSession(ctx context.Context, std streams, t *target, config observe.Config) (*watchSession, error) {
	r, err := core.NewReceiver(t.out, "hermes-watch")
	if err != nil {
		return nil, blame(err)
	}
	for _, err := range []error{observe.Prepare(r), t.apply(r)} {
		if err != nil {
			_ = r.Close()
			return nil, blame(err)
		}
	}
	o, err := observe.New(r, config)
	if err != nil {
		_ = r.Close()
		return nil, blame(err)
	}
	unwatch := stopWith(ctx, r)
	s := &watchSession{Observer: o, receiver: r, ctx: ctx, std: std, refused: refusalsOf(config.Topics), unshown: refusalsOf([]string{observe.SelfPrefix})}
	unreport := background(std, r, false, s.refused.hear, s.unshown.hear)
	s.end = func() { unwatch(); unreport(); o.Close(); _ = r.Close() }
	limit := t.timeout
	if limit == 0 {
		limit = -1
	}
	if err := r.WaitReady(limit); err != nil && ctx.Err() == nil {
		s.end()
		return nil, err
	}
	o.Begin()
	return s, nil
}

func (s *watchSession) close() { s.end() }

// watched is a sample of a session.
type watched struct {
	observe.Sample
	ended bool // by an interrupt
}

func (w *watched) nothing() bool {
	for _, rows := range w.Rows {
		if len(rows) > 0 {
			return false
		}
	}
	return !w.ended
}

// sample watches for a time. The only one of a command shows a bar meanwhile, and ends early where everything is refused.
func (s *watchSession) sample(d time.Duration, only bool) (w watched, err error) {
	end := time.NewTimer(d)
	defer end.Stop()
	if only {
		defer newTimedProgress(s.std, "watching", d).end()
	}
	select {
	case <-end.C:
	case <-s.ctx.Done():
		w.ended = true
	case <-s.nothingLeft(only):
	case <-s.Done():
	}
	w.Sample, err = s.Sample()
	if s.ctx.Err() != nil {
		return w, nil
	}
	return w, err
}

// nothingLeft is closed when the only sample of a command may end early, because nothing more is to come.
func (s *watchSession) nothingLeft(only bool) <-chan struct{} {
	if !only {
		return nil // a policy may allow it later
	}
	return s.refused.everything()
}

// whyNothing says why nothing came, as far as that is known.
func whyNothing(w watched) string {
	switch {
	case w.Problem != "":
		return ": " + w.Problem
	case w.Peers == 0:
		return ": no peer has connected"
	case w.Bad > 0:
		return fmt.Sprintf(": %d messages came, none of them a valid envelope", w.Bad)
	}
	return ": connected, but nothing is published there (hermes peers shows who is connected)"
}
