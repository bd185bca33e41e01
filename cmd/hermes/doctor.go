package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/humane"
)

// The verdicts of doctor. A warning is something that works, and may not be meant so.
const (
	verdictOK      = "ok"
	verdictWarning = "warning"
	verdictFailed  = "failed"
	verdictSkipped = "skipped"
)

// finding is what one check of doctor has found.
type finding struct {
	Address string   `json:"address"`
	Check   string   `json:"check"` // resolve, connect, certificate, greet, mechanism, rights, subscription, clock, latency, http
	Verdict string   `json:"verdict"`
	Text    string   `json:"text"`
	Advice  string   `json:"advice,omitempty"`  // what to do
	Seconds *float64 `json:"seconds,omitempty"` // what was measured, if it is a time
}

func newDoctorCommand(std streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "doctor [flags] [ADDRESS...]",
		Short: "find out what is wrong with a connection, and what to do",
		Long: `Checks one address after the other, each in steps: resolve its name, connect, look at the certificate of
tls, greet, compare the security mechanisms, try the rights that the other side gives. With both addresses of a post
office (or a context that has them) an envelope goes the whole way: a subscription, and a message through it. Where
components report themselves, or something passes, their clocks are compared with the one here. The last step
measures the round trip over the connection. Of a context that has the URL of the HTTP server (hermes context set
--http) that is asked, too, whether the post office is ready.

Each step has a verdict (ok, warning, failed or skipped), and where that is not ok says what to do. The exit code is
1 if a step has failed. It works with post offices of 1.x and with sockets of libzmq too, as far as they can tell.

The message that goes through has a topic that begins with $hermes/doctor/, which subscribers to everything do not
get from a post office of 2.x; --topic chooses another prefix, for instance one that a policy allows.`,
		Example: "hermes doctor tcp://127.0.0.1:6001\nhermes doctor tcp://127.0.0.1:6000 tcp://127.0.0.1:6001",
		GroupID: groupLook,
	}
	d := &doctor{std: std, target: addTarget(c), print: addPrinter(c, std)}
	d.target.addTimeout(c, 5*time.Second, "time limit for each step")
	c.Flags().StringVar(&d.topic, "topic", "$hermes/doctor/", "`prefix` of the topic of the message that goes through")
	c.Flags().DurationVar(&d.listen, "listen", 2500*time.Millisecond, "for how long to listen for clocks")
	c.RunE = func(c *cobra.Command, args []string) error {
		rest, err := d.target.resolve(args)
		switch {
		case err != nil:
			return err
		case len(rest) > 0:
			return usageError{fmt.Sprintf("%q is not an address", rest[0])}
		case d.target.timeout == 0:
			return usageError{"--timeout is longer than 0"}
		}
		return d.run(c.Context())
	}
	return c
}

// doctor is the work of the command.
type doctor struct {
	std    streams
	target *target
	print  *printer
	topic  string
	listen time.Duration

	ctx     context.Context
	address string // that is being checked
	in, out string // as soon as it is known which side an address is
	latency map[string]time.Duration
	failed  int
	table   table
	err     error // of the output
}

// addresses are those that were given, or of the context.
func (t *target) addresses() (all []string) {
	if len(t.given) > 0 {
		return t.given
	}
	for _, a := range []string{t.in, t.out} {
		if a != "" {
			all = append(all, a)
		}
	}
	return all
}

func (d *doctor) run(ctx context.Context) error {
	d.ctx, d.latency = ctx, map[string]time.Duration{}
	d.table.columns = []string{"CHECK", "VERDICT", "FOUND"}
	for _, address := range d.target.addresses() {
		if ctx.Err() != nil {
			return nil
		}
		d.address = address
		d.look()
	}
	if d.in != "" && d.out != "" && ctx.Err() == nil {
		d.address = d.in + " > " + d.out
		d.through()
	}
	if d.out != "" && ctx.Err() == nil {
		d.address = d.out
		d.clocks()
	}
	if d.target.http != "" && len(d.target.given) == 0 && ctx.Err() == nil {
		d.address = d.target.http
		d.overHTTP(d.target.http)
	}
	if d.err != nil {
		return d.err
	}
	if d.failed > 0 && ctx.Err() == nil {
		return exit(exitError)
	}
	return nil
}

// found prints a finding at once, so that one sees how far it has come.
func (d *doctor) found(check, verdict, text, advice string, took time.Duration) {
	f := finding{Address: d.address, Check: check, Verdict: verdict, Text: humane.Text(text), Advice: humane.Text(advice)}
	if advice == "" {
		f.Advice = ""
	}
	if took > 0 {
		s := took.Seconds()
		f.Seconds = &s
	}
	if verdict == verdictFailed {
		d.failed++
	}
	if d.err != nil {
		return
	}
	if !d.print.asTable() {
		d.err = d.print.line(f)
		return
	}
	d.err = d.print.text(f.lines(d.table.rows == nil))
	d.table.rows = append(d.table.rows, row{})
}

// lines is a finding for people: a line, and below it what to do.
func (f finding) lines(first bool) (text string) {
	mark := map[string]string{verdictOK: styleGreen.Render("✓"), verdictWarning: styleYellow.Render("!"),
		verdictFailed: styleRed.Render("✗"), verdictSkipped: styleFaint.Render("-")}[f.Verdict]
	text = fmt.Sprintf("%s %-12s %s", mark, f.Check, f.Text)
	if f.Seconds != nil {
		text += styleFaint.Render("  " + humane.Seconds(*f.Seconds))
	}
	text += "\n"
	if f.Advice != "" {
		text += "  " + fmt.Sprintf("%-12s ", "") + "→ " + f.Advice + "\n"
	}
	return text
}

func (d *doctor) ok(check string, took time.Duration, format string, args ...any) {
	d.found(check, verdictOK, fmt.Sprintf(format, args...), "", took)
}

func (d *doctor) warn(check, advice, format string, args ...any) {
	d.found(check, verdictWarning, fmt.Sprintf(format, args...), advice, 0)
}

func (d *doctor) fail(check, advice, format string, args ...any) {
	d.found(check, verdictFailed, fmt.Sprintf(format, args...), advice, 0)
}

func (d *doctor) skip(check, format string, args ...any) {
	d.found(check, verdictSkipped, fmt.Sprintf(format, args...), "", 0)
}
