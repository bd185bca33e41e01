package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/humane"
	"github.com/hermes-zmq/hermes/cmd/hermes/internal/loadtest"
	"github.com/hermes-zmq/hermes/core"
)

// benchFlags are what the command line says of bench.
type benchFlags struct {
	target  *target
	print   *printer
	plan    loadtest.Plan
	compare bool
}

func newBenchCommand(std streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "bench [flags] [IN OUT]",
		Short: "measure how much passes a post office, and how soon",
		Long: `Runs publishers and receivers for --duration, and shows how many envelopes a second were sent and received, how
many were lost, and how long they took from the moment at which they were due to the receiving program. Without
--rate publishers send as much as they can: the times then show how full the queues are. With --rate a publisher that
is late counts as delay.

With the addresses for publishers and for receivers of a post office (or --context) it measures that one: do not do
so where others need it. Without, it measures a post office of its own, over loopback. All of it runs in this process,
which needs processor time too; for figures of a network, run it on another machine.

The results of the last run of the same kind are kept below $XDG_STATE_HOME/hermes; --compare shows the difference.`,
		Example: "hermes bench --duration 500ms\nhermes bench --duration 500ms --rate 1000 --publishers 2 --receivers 2 --compare",
		GroupID: groupLook,
	}
	o := benchFlags{target: addTarget(c), print: addPrinter(c, std)}
	o.target.addTimeout(c, 10*time.Second, "time limit for all to connect")
	f := c.Flags()
	f.IntVar(&o.plan.Publishers, "publishers", 1, "how many publishers")
	f.IntVar(&o.plan.Receivers, "receivers", 1, "how many receivers, each of which gets everything")
	f.IntVar(&o.plan.Size, "size", 100, fmt.Sprintf("size of the data in `bytes`, %d at least", loadtest.MinSize))
	f.IntVar(&o.plan.Topics, "topics", 1, "how many topics")
	f.Float64Var(&o.plan.Rate, "rate", 0, "envelopes a second, of all publishers together; 0: as many as they can")
	f.DurationVar(&o.plan.Duration, "duration", 5*time.Second, "for how long")
	f.StringVar(&o.plan.Prefix, "topic", "hermes-bench", "what all topics begin with")
	f.BoolVar(&o.compare, "compare", false, "compare with the last run of the same kind")
	c.RunE = func(c *cobra.Command, args []string) error {
		// A post office is never measured because a context is in use: that takes its name.
		if len(args) == 0 && o.target.context == "" {
			return o.alone(c.Context(), std)
		}
		rest, err := o.target.resolve(args)
		all := o.target.addresses()
		switch {
		case err != nil:
			return err
		case len(rest) > 0 || len(all) != 2:
			return usageError{"takes two addresses, for publishers and for receivers, or none"}
		}
		return o.run(c.Context(), std, all[0], all[1])
	}
	return c
}

// alone measures a post office of its own.
func (o *benchFlags) alone(ctx context.Context, std streams) error {
	po, err := core.NewPostOffice("tcp://127.0.0.1:0", "tcp://127.0.0.1:0", "")
	if err != nil {
		return err
	}
	defer po.Close()
	if err := po.Start(); err != nil {
		return err
	}
	defer background(std, po, false)()
	in, err := po.Get("endpoint.in")
	if err != nil {
		return err
	}
	out, err := po.Get("endpoint.out")
	if err != nil {
		return err
	}
	return o.run(ctx, std, in, out)
}

func (o *benchFlags) run(ctx context.Context, std streams, in, out string) error {
	o.plan.Warm = o.target.timeout
	if o.plan.Warm == 0 {
		o.plan.Warm = math.MaxInt64
	}
	o.plan.NewPublisher = func(i int) (*core.Publisher, error) { return o.target.publisherAt(in, fmt.Sprintf("bench-%d", i)) }
	o.plan.NewReceiver = func(i int) (*core.Receiver, error) { return o.target.receiverAt(out, fmt.Sprintf("bench-%d", i)) }
	if err := o.plan.Check(); err != nil {
		return usageError{err.Error()}
	}
	bar := newProgress(std, "measuring", int64(o.plan.Duration/time.Millisecond))
	shown := int64(0)
	o.plan.Progress = func(passed, _ time.Duration) {
		bar.add(int64(passed/time.Millisecond) - shown)
		shown = int64(passed / time.Millisecond)
	}
	r, err := loadtest.Run(ctx, o.plan)
	bar.end()
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	path, err := benchPath(&o.plan)
	if err != nil {
		return err
	}
	before, err := readBench(path)
	if err != nil {
		return err
	}
	if err := o.show(r, before); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return nil // it was interrupted, and is no run to compare with
	}
	return writeBench(path, r)
}

// benchResult is what bench prints, and keeps.
type benchResult struct {
	*loadtest.Result
	Before *loadtest.Result `json:"before,omitempty"` // the last run, if it was asked for
}

// benchLines are the figures of a run for people. better is +1 where more is better, -1 where less is.
var benchLines = []struct {
	name   string
	value  func(*loadtest.Result) float64
	text   func(float64) string
	better int
}{
	{"sent", func(r *loadtest.Result) float64 { return r.SentRate }, humane.Rate, 1},
	{"received", func(r *loadtest.Result) float64 { return r.Rate }, humane.Rate, 1},
	{"bandwidth", func(r *loadtest.Result) float64 { return r.Bandwidth }, func(x float64) string { return humane.Bytes(x) + "/s" }, 1},
	{"lost", func(r *loadtest.Result) float64 { return float64(r.Lost) }, func(x float64) string { return humane.Count(uint64(x)) }, -1},
	{"least", func(r *loadtest.Result) float64 { return r.Delay.Min }, humane.Seconds, -1},
	{"mean", func(r *loadtest.Result) float64 { return r.Delay.Mean }, humane.Seconds, -1},
	{"p50", func(r *loadtest.Result) float64 { return r.Delay.P50 }, humane.Seconds, -1},
	{"p90", func(r *loadtest.Result) float64 { return r.Delay.P90 }, humane.Seconds, -1},
	{"p99", func(r *loadtest.Result) float64 { return r.Delay.P99 }, humane.Seconds, -1},
	{"p99.9", func(r *loadtest.Result) float64 { return r.Delay.P999 }, humane.Seconds, -1},
	{"greatest", func(r *loadtest.Result) float64 { return r.Delay.Max }, humane.Seconds, -1},
}

// show prints a run, and beside it the one before.
func (o *benchFlags) show(r, before *loadtest.Result) error {
	if !o.compare {
		before = nil
	}
	if !o.print.asTable() {
		return o.print.line(benchResult{r, before})
	}
	t := table{columns: []string{"", "NOW"}}
	if before != nil {
		t.columns = append(t.columns, "BEFORE", "CHANGE")
	}
	for _, l := range benchLines {
		line := row{cells: []string{l.name, l.text(l.value(r))}}
		if before != nil {
			change, worse := changeOf(l.value(r), l.value(before), l.better)
			line.cells = append(line.cells, l.text(l.value(before)), change)
			line.loud = worse
		}
		if l.name == "lost" && r.Lost > 0 {
			line.loud = true
		}
		t.rows = append(t.rows, line)
	}
	if err := o.print.print(t); err != nil {
		return err
	}
	if o.compare && before == nil {
		return o.print.text("no earlier run of this kind to compare with\n" + histogramText(r))
	}
	return o.print.text(histogramText(r))
}

// changeOf is the change of a figure in percent; worse where it is so by more than a fifth.
func changeOf(now, before float64, better int) (text string, worse bool) {
	if before == 0 {
		return "-", false
	}
	change := now/before - 1
	const much = 0.2
	return fmt.Sprintf("%+.0f %%", change*100), change*float64(better) < -much
}

// histogramText draws the times, one line for each doubling.
func histogramText(r *loadtest.Result) string {
	bars := r.Delay.Histogram
	most := int64(1)
	for _, b := range bars {
		most = max(most, b.Count)
	}
	var text strings.Builder
	for _, b := range bars {
		fmt.Fprintf(&text, "%8s - %-8s %s %s\n", humane.Seconds(b.From), humane.Seconds(b.To),
			humane.Bar(float64(b.Count)/float64(most), 40), humane.Count(uint64(b.Count)))
	}
	return text.String()
}

// benchPath is where the last run of a kind is kept.
func benchPath(p *loadtest.Plan) (string, error) {
	folder := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(folder) {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("there is no folder for results: %w; set XDG_STATE_HOME to an absolute path", err)
		}
		folder = filepath.Join(home, ".local", "state")
	}
	name := fmt.Sprintf("%dx%d-%dB-%dt-%g.json", p.Publishers, p.Receivers, p.Size, p.Topics, p.Rate)
	return filepath.Join(folder, "hermes", "bench", name), nil
}

// readBench reads a run; nil where there is none.
func readBench(path string) (*loadtest.Result, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	r := new(loadtest.Result)
	if err == nil {
		err = json.Unmarshal(text, r)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the last run: %s: %w; remove the file", path, err)
	}
	return r, nil
}

// writeBench keeps a run. It replaces the file at once, so that there is a whole one always.
func writeBench(path string, r *loadtest.Result) error {
	text, err := json.Marshal(r)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if err == nil {
		err = os.WriteFile(path+".new", append(text, '\n'), 0o644)
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return fmt.Errorf("cannot keep this run to compare the next one with: %w", err)
	}
	return nil
}
