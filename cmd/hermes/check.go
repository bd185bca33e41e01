package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/humane"
	"github.com/hermes-zmq/hermes/cmd/hermes/internal/observe"
)

// The exit codes of check are those of Nagios, and not those of the other commands.
const (
	checkOK       = 0
	checkWarning  = 1
	checkCritical = 2
	checkUnknown  = 3
)

var checkWords = []string{"OK", "WARNING", "CRITICAL", "UNKNOWN"}

// figure is one number that a check looks at.
type figure struct {
	Name   string  `json:"name"`
	Value  float64 `json:"value"`
	Unit   string  `json:"unit,omitempty"` // s, B, % or none
	Status string  `json:"status"`
	Warn   string  `json:"warn,omitempty"`
	Crit   string  `json:"crit,omitempty"`
}

// checkResult is what a check has found.
type checkResult struct {
	Kind    string   `json:"kind"`
	Name    string   `json:"name"`
	Status  string   `json:"status"`
	Code    int      `json:"code"`
	Text    string   `json:"text"`
	Figures []figure `json:"figures"`
}

// check is one of the commands below check.
type check struct {
	std        streams
	kind       string // office, topic, receiver
	target     *target
	name       string
	window     time.Duration
	over       time.Time // of check topic: when it is over, window or not; zero: with the window
	json, prom bool
	warn, crit thresholds
}

const checkLong = `

Prints a line as plugins of Nagios do, with performance data, and exits with 0 (ok), 1 (warning), 2 (critical) or 3
(unknown, a wrong command line included): unlike all other commands, since Nagios and its kin want it so. --json
and --prometheus (for the textfile collector of the node exporter) print the same otherwise.

--warn and --crit name a figure and a range; without a figure they mean the first one. 10 raises an alarm outside of
0 to 10, 10: below 10, ~:10 above 10, 10:20 outside, and @10:20 inside of both.`

func newCheckCommand(std streams) *cobra.Command {
	c := &cobra.Command{
		Use:     "check COMMAND",
		Short:   "check a post office, a topic or a receiver, for Nagios or Prometheus",
		GroupID: groupLook,
	}
	c.AddCommand(
		newCheckKind(std, "office", "check a post office by its reports",
			"Checks a post office that reports itself (hermes help peers). Figures: queue (messages in the fullest queue of a\n"+
				"receiver), dropped (messages a second), throttled (percent of the time, of the publisher that is held back most), in\n"+
				"and out (messages a second), publishers, subscribers (of which this command is one). It is critical if it is not ready, or does not report.",
			"hermes check office tcp://127.0.0.1:6001 --warn queue=1000 --crit queue=100000 --crit dropped=0",
			[]string{"queue", "dropped", "throttled", "in", "out", "publishers", "subscribers"}),
		newCheckKind(std, "topic", "check what is published as a topic",
			"Watches a topic, and all that begin with it, for --window. Figures: age (seconds since the last envelope), rate\n"+
				"(envelopes a second), delay (seconds, the mean), jitter (seconds), lost (envelopes in the window). It is critical if\n"+
				"nothing comes, unless a range for age or rate decides that.",
			"hermes check topic tcp://127.0.0.1:6001 ticks/ --window 1s --warn rate=1: --crit lost=0",
			[]string{"age", "rate", "delay", "jitter", "lost"}),
		newCheckKind(std, "receiver", "check a receiver by its reports",
			"Checks a receiver that reports itself (options stats.interval and stats.address). Figures: queue (envelopes in its\n"+
				"queue), lost and dropped (envelopes a second), lag (seconds, the age of the newest envelope on arrival), rate (envelopes\n"+
				"a second). It is critical if it does not run, or does not report.",
			"hermes sub tcp://127.0.0.1:6001 --set stats.interval=500ms --set stats.address=tcp://127.0.0.1:6000 \\\n"+
				"    --set stats.name=screen >screen.log &\n"+
				"hermes check receiver tcp://127.0.0.1:6001 screen --warn queue=1000 --crit lost=0",
			[]string{"queue", "lost", "dropped", "lag", "rate"}),
	)
	return c
}

func newCheckKind(std streams, kind, short, long, example string, figures []string) *cobra.Command {
	k := &check{std: std, kind: kind, warn: thresholds{figures: figures}, crit: thresholds{figures: figures}}
	use := map[string]string{"office": "[ADDRESS] [NAME]", "topic": "[ADDRESS] TOPIC", "receiver": "[ADDRESS] NAME"}[kind]
	c := &cobra.Command{Use: kind + " [flags] " + use, Short: short, Long: long + checkLong, Example: example}
	k.target = addTarget(c, sideOut)
	k.target.addTimeout(c, 10*time.Second, "time limit for the connection, and for a report")
	c.Flags().Lookup("timeout").Usage = "time limit for the connection, and for a report"
	if kind == "topic" {
		c.Flags().Lookup("timeout").Usage = "time limit for the connection; where it is given, --window ends with it"
	}
	f := c.Flags()
	f.Var(&k.warn, "warn", "`range` of a figure outside of which it is a warning; may be repeated")
	f.Var(&k.crit, "crit", "`range` of a figure outside of which it is critical; may be repeated")
	f.BoolVar(&k.json, "json", false, "print one JSON object")
	f.BoolVar(&k.prom, "prometheus", false, "print metrics in the text format of Prometheus")
	if kind == "topic" {
		f.DurationVar(&k.window, "window", 5*time.Second, "for how long to watch")
	}
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return k.unknown(advice(c, nil, flagError{err})) })
	c.RunE = func(c *cobra.Command, args []string) error {
		rest, err := k.target.resolve(args)
		if err == nil {
			err = k.take(rest)
		}
		if err != nil {
			return k.unknown(err.Error())
		}
		if c.Flags().Changed("timeout") { // which monitors know: the whole check takes no longer
			k.over = time.Now().Add(k.target.timeout)
		}
		return k.run(c.Context())
	}
	return c
}

// take takes the arguments behind the address.
func (k *check) take(rest []string) error {
	switch {
	case len(rest) > 1:
		return errors.New("takes an address and one name")
	case len(rest) == 1:
		k.name = rest[0]
	case k.kind != "office":
		return fmt.Errorf("takes an address and the name of a %s", k.kind)
	}
	if k.kind == "topic" && k.window <= 0 {
		return errors.New("--window is longer than 0")
	}
	if k.target.timeout == 0 {
		return errors.New("--timeout is longer than 0")
	}
	return nil
}

// unknown prints that nothing is known.
func (k *check) unknown(text string) error {
	return k.finish(checkResult{Code: checkUnknown, Text: text})
}

func (k *check) run(ctx context.Context) error {
	std := k.std
	config := observe.Config{Quiet: true, Components: true, CPU: -1}
	if k.kind == "topic" {
		config = observe.Config{Topics: []string{k.name}}
	}
	s, err := openSession(ctx, std, k.target, config)
	if err != nil {
		return k.finish(checkResult{Code: checkCritical, Text: err.Error()})
	}
	defer s.close()
	if k.kind == "topic" {
		return k.topic(s)
	}
	want := map[string]string{"office": observe.PostOffice, "receiver": observe.Receiver}[k.kind]
	all, err := s.reportsOf(k.target, want, k.name, 2)
	if err != nil {
		return k.finish(checkResult{Code: checkCritical, Text: err.Error()})
	}
	found := slices.DeleteFunc(all, func(c observe.Component) bool {
		return c.Kind != want || k.name != "" && c.Name != k.name
	})
	switch {
	case ctx.Err() != nil || len(found) == 0:
		return k.unknown("interrupted")
	case len(found) > 1:
		names := make([]string, len(found))
		for i, c := range found {
			names[i] = c.Name
		}
		return k.unknown("several report themselves: name one of " + strings.Join(names, ", "))
	}
	k.name = found[0].Name
	if k.kind == "office" {
		return k.office(&found[0])
	}
	return k.receiver(&found[0])
}

func (k *check) office(c *observe.Component) error {
	now, past := c.Now.Office, c.Past.Office
	if past == nil {
		past = now // no rates yet
	}
	r := checkResult{Text: fmt.Sprintf("%s publishers, %s subscribers", humane.Count(uint64(len(now.Publishers))), humane.Count(uint64(len(now.Subscribers))))}
	switch {
	case !now.Ready:
		r.Code, r.Text = checkCritical, strings.TrimSuffix("not ready: "+now.Problem, ": ")
	case now.Problem != "": // of one connection, such as a peer that was refused; the others are served
		r.Text += "; " + now.Problem
	}
	held, queue := 0.0, 0.0
	for _, p := range peerRows([]observe.Component{*c}, nowSeconds()) {
		held, queue = max(held, p.Throttled), max(queue, float64(p.QueueMessages))
	}
	return k.judge(r, []figure{
		{Name: "queue", Value: queue},
		{Name: "dropped", Value: c.Rate(now.Dropped+now.DroppedOld+now.DroppedConflated, past.Dropped+past.DroppedOld+past.DroppedConflated)},
		{Name: "throttled", Value: held * 100, Unit: "%"},
		{Name: "in", Value: c.Rate(now.InMessages, past.InMessages)}, {Name: "out", Value: c.Rate(now.OutMessages, past.OutMessages)},
		{Name: "publishers", Value: float64(len(now.Publishers))}, {Name: "subscribers", Value: float64(len(now.Subscribers))},
	})
}

func (k *check) receiver(c *observe.Component) error {
	row := receiverRow(c)
	now := c.Now.Receiver
	r := checkResult{Text: fmt.Sprintf("%s envelopes a second", strings.TrimSuffix(humane.Rate(row.Rate), "/s"))}
	if now.State != "running" || now.Problem != "" {
		r.Code, r.Text = checkCritical, strings.TrimSpace(now.State+" "+now.StopReason+" "+now.Problem)
	}
	return k.judge(r, []figure{{Name: "queue", Value: float64(row.QueueMessages)}, {Name: "lost", Value: row.LostRate},
		{Name: "dropped", Value: row.DroppedRate}, {Name: "lag", Value: now.Lag, Unit: "s"}, {Name: "rate", Value: row.Rate}})
}

func (k *check) topic(s *watchSession) error {
	window := k.window
	if !k.over.IsZero() {
		window = min(window, time.Until(k.over))
	}
	w, err := s.sample(window, true)
	switch {
	case err != nil:
		return k.finish(checkResult{Code: checkCritical, Text: err.Error()})
	case w.ended:
		return k.unknown("interrupted")
	}
	var n, lost uint64
	var delay observe.Summary
	last, jitter := 0.0, 0.0
	for _, row := range append(w.Rows[0], w.Other[0]) {
		n, lost, last, jitter = n+row.Count, lost+row.Lost, max(last, row.Last), max(jitter, row.Jitter)
		delay.N, delay.Sum = delay.N+row.Delay.N, delay.Sum+row.Delay.Sum
	}
	age := w.Elapsed.Seconds()
	if n > 0 {
		age = max(float64(w.At.UnixMicro())/1e6-last, 0)
	}
	r := checkResult{Text: fmt.Sprintf("%s envelopes in %s", humane.Count(n), humane.Seconds(w.Elapsed.Seconds()))}
	if n == 0 && !k.decides("age") && !k.decides("rate") {
		r.Code, r.Text = checkCritical, "nothing came within "+window.Round(time.Millisecond).String()+whyNothing(w)
	}
	if note := w.Note(); note != "" {
		r.Text += "; " + note
	}
	return k.judge(r, []figure{{Name: "age", Value: age, Unit: "s"}, {Name: "rate", Value: w.Rate(n)}, {Name: "delay", Value: delay.Mean(), Unit: "s"},
		{Name: "jitter", Value: jitter, Unit: "s"}, {Name: "lost", Value: float64(lost)}})
}

// decides reports whether there is a range for a figure.
func (k *check) decides(name string) bool {
	_, warn := k.warn.byFigure[name]
	_, crit := k.crit.byFigure[name]
	return warn || crit
}

// judge compares the figures with the ranges, and prints the result.
func (k *check) judge(r checkResult, figures []figure) error {
	var alarms []string
	for i := range figures {
		f := &figures[i]
		code := checkOK
		if t, ok := k.warn.byFigure[f.Name]; ok {
			if f.Warn = t.text; t.alarms(f.Value) {
				code = checkWarning
			}
		}
		if t, ok := k.crit.byFigure[f.Name]; ok {
			if f.Crit = t.text; t.alarms(f.Value) {
				code = checkCritical
			}
		}
		f.Status = checkWords[code]
		r.Code = max(r.Code, code)
		if code != checkOK {
			alarms = append(alarms, f.Name+" is "+plainNumber(f.Value)+f.Unit)
		}
	}
	if len(alarms) > 0 {
		r.Text = strings.Join(alarms, ", ") + "; " + r.Text
	}
	r.Figures = figures
	return k.finish(r)
}

// finish prints the result, and gives its exit code.
func (k *check) finish(r checkResult) error {
	r.Kind, r.Name, r.Status = k.kind, k.name, checkWords[r.Code]
	r.Text = humane.Text(r.Text)
	if r.Figures == nil {
		r.Figures = []figure{}
	}
	var err error
	switch {
	case k.json:
		err = (&printer{out: k.std.out}).line(r)
	case k.prom:
		_, err = fmt.Fprint(k.std.out, r.prometheus())
	default:
		_, err = fmt.Fprintln(k.std.out, r.nagios())
	}
	if err != nil {
		return err
	}
	return exit(r.Code)
}

// plainNumber is a number that programs read.
func plainNumber(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

// nagios is the line of a plugin: text | label=value[unit];warn;crit ... A | would end the text.
func (r *checkResult) nagios() string {
	text := "HERMES " + strings.ToUpper(r.Kind) + " " + r.Status + " - "
	if r.Name != "" {
		text += humane.Text(r.Name) + ": "
	}
	text = strings.ReplaceAll(text+r.Text, "|", "/")
	for i, f := range r.Figures {
		if i == 0 {
			text += " |"
		}
		text += fmt.Sprintf(" %s=%s%s;%s;%s", f.Name, plainNumber(f.Value), f.Unit, f.Warn, f.Crit)
	}
	return text
}

// prometheus is the result in the text format. Base units: percents become ratios.
func (r *checkResult) prometheus() string {
	var b strings.Builder
	label := `{name="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(r.Name) + `"}`
	gauge := func(name, help string, x float64) {
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s gauge\n%s%s %s\n", name, help, name, name, label, plainNumber(x))
	}
	prefix := "hermes_check_" + r.Kind + "_"
	gauge(prefix+"status", "0 ok, 1 warning, 2 critical, 3 unknown.", float64(r.Code))
	for _, f := range r.Figures {
		name, x := prefix+f.Name, f.Value
		switch f.Unit {
		case "s":
			name += "_seconds"
		case "%":
			name, x = name+"_ratio", x/100
		}
		gauge(name, "The figure "+f.Name+" of hermes check "+r.Kind+".", x)
	}
	return b.String()
}
