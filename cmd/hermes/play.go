package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/mcap"
	"github.com/hermes-zmq/hermes/cmd/hermes/internal/recording"
	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/internal/embed"
)

// playFlags are what the command line says of play.
type playFlags struct {
	target      *target
	printer     *printer
	chosen      *chosenEnvelopes
	speed       float64
	loop        int
	rename      []string
	restamp     bool
	step        bool
	wait, flush time.Duration
	name        string
	stream      *streamFlags
}

func newPlayCommand(std streams) *cobra.Command {
	c := &cobra.Command{
		Use:     "play [flags] FILE... [ADDRESS]",
		Short:   "send what was recorded again, at its time",
		GroupID: groupMessages,
		Long: `hermes play publishes the envelopes of files of hermes record, the first one at once and each of the others as
long behind it as it once arrived. The frames are sent exactly as they came, with the times and numbers of the
original publishers. So a receiver for which such times are too old drops them, or stops (option on_slow); with
--restamp they get the present time, and numbers of this publisher.

Files of other programs are played as well, as far as their channels are JSON. ADDRESS may also stand in front.

With --stream nats://host:4222, in place of ADDRESS, the envelopes are added to the streams of the durable topics
of a cluster, as a site adds them. What a stream has had in the last minutes it does not take twice: that is
counted. The exit code is 5 where no stream takes a topic.`,
		Example: `hermes record --count 10 --output a.mcap tcp://127.0.0.1:6001
hermes play --restamp --topics ticks/ --rename ticks/=test/ a.mcap tcp://127.0.0.1:6000`,
	}
	o := playFlags{target: addTarget(c, sideIn), printer: addPrinter(c, std)}
	c.ValidArgsFunction = nil // its arguments are files
	f := c.Flags()
	f.Float64Var(&o.speed, "speed", 1, "how many times as fast; 0 is as fast as possible")
	f.IntVar(&o.loop, "loop", 1, "play it `n` times; 0 repeats until interrupted")
	o.chosen = addChosen(c, "play")
	f.StringArrayVar(&o.rename, "rename", nil, "replace the beginning of topics, as `OLD=NEW`; may be repeated")
	f.BoolVar(&o.restamp, "restamp", false, "give the envelopes the present time and numbers of this publisher")
	f.BoolVar(&o.step, "step", false, "send the next envelope when a line comes on standard input")
	f.StringVar(&o.name, "name", "hermes-play", "the `name` of this publisher, which no envelope bears")
	f.DurationVar(&o.wait, "wait", 5*time.Second, "time limit for waiting for a receiver before playing")
	f.DurationVar(&o.flush, "flush", 5*time.Second, "time limit for sending the rest of the queue at the end")
	o.stream = addStream(f, "add the envelopes to the streams of")
	c.RunE = func(c *cobra.Command, args []string) error { return o.run(c.Context(), std, args) }
	return c
}

// run finds files and address among the arguments, and plays.
func (o *playFlags) run(ctx context.Context, std streams, args []string) error {
	on, err := o.stream.on("context", "set", "restamp", "wait")
	if err != nil {
		return err
	}
	var addresses, names []string
	for _, arg := range args {
		if isAddress.MatchString(arg) {
			addresses = append(addresses, arg)
		} else {
			names = append(names, arg)
		}
	}
	switch {
	case on && (len(names) == 0 || len(addresses) > 0):
		return usageError{"takes files, and with --stream no address"}
	case on:
		return play(ctx, std, o, names)
	case len(names) == 0 || len(addresses) > 1:
		return usageError{"takes files and one address"}
	}
	if len(addresses) == 0 && o.target.context == "" {
		if name, err := chosenContext(""); err != nil || name == "" {
			return usageError{o.target.missing()}
		}
	}
	rest, err := o.target.resolve(append(addresses, names...))
	if err != nil {
		return err
	}
	return play(ctx, std, o, rest)
}

// config is what the flags say to the player, but for the outlet.
func (o *playFlags) config(std streams) (cfg recording.PlayConfig, err error) {
	if o.speed < 0 || o.loop < 0 {
		return cfg, usageError{"--speed and --loop cannot be negative"}
	}
	if err := errors.Join(notNegative("wait", o.wait), notNegative("flush", o.flush)); err != nil {
		return cfg, usageError{err.Error()}
	}
	cfg = recording.PlayConfig{Speed: o.speed, Restamp: o.restamp}
	for _, text := range o.rename {
		from, to, ok := strings.Cut(text, "=")
		if !ok {
			return cfg, usageError{fmt.Sprintf("--rename %q: write it as OLD=NEW", text)}
		}
		cfg.Rename = append(cfg.Rename, recording.Renaming{Old: from, New: to})
	}
	if o.step {
		lines := bufio.NewReader(std.in)
		cfg.Step = func() bool {
			_, err := lines.ReadString('\n')
			return err == nil
		}
	}
	return cfg, nil
}

// play sends what files have.
func play(ctx context.Context, std streams, o *playFlags, names []string) error {
	cfg, err := o.config(std)
	if err != nil {
		return err
	}
	files, end, err := openFiles(std, names)
	if err != nil {
		return err
	}
	defer end()
	filter, err := o.chosen.filter(files)
	if err != nil {
		return err
	}
	if len(o.stream.servers) > 0 {
		return playStream(ctx, std, o, cfg, files, filter)
	}
	publisher, err := o.publisher()
	if err != nil {
		return err
	}
	defer publisher.Close()
	if err := publisher.Start(); err != nil {
		return blame(err)
	}
	defer background(std, publisher, false)()
	defer stopWith(ctx, publisher)()
	bar := newTimedProgress(std, "waiting for a receiver", o.wait)
	err = publisher.WaitReady(o.wait)
	bar.end()
	if err != nil && ctx.Err() == nil {
		return nothingCame("nothing was played within %v: %w", o.wait, err)
	}
	o.warn(std, files)
	outlet := embed.PublisherOf(publisher)
	cfg.Send = func(e *recording.Envelope) error {
		return outlet.PublishFrames(e.Frames.Topic, e.Frames.Origin, e.Frames.Data, e.Frames.Time)
	}
	played, err := o.playAll(ctx, std, cfg, files, filter)
	stopped := publisher.Stop(o.flush)
	if ctx.Err() != nil {
		err = nil // interrupted
	}
	if err := errors.Join(err, stopped); err != nil {
		return err
	}
	return o.say(std, publisher.Stats(), played)
}

// publisher makes the publisher. Numbers are those of the envelopes, unless they get new ones.
func (o *playFlags) publisher() (*core.Publisher, error) {
	publisher, err := o.target.publisher(o.name)
	if err != nil || o.restamp {
		return publisher, err
	}
	if err := publisher.Set("sequence", "off"); err != nil {
		_ = publisher.Close()
		return nil, err
	}
	return publisher, nil
}

// playAll plays as often as wanted.
func (o *playFlags) playAll(ctx context.Context, std streams, cfg recording.PlayConfig, files []*mcap.File, filter recording.Filter) (all recording.Played, err error) {
	line := timelineOf(files, &filter)
	bar := newProgress(std, "playing", line.total()*int64(o.loop)) // without an end there is none
	defer bar.end()
	n := 0
	cfg.Sent = func(logTime uint64) { bar.set(int64(n)*line.total() + line.at(logTime)) }
	for ; o.loop == 0 || n < o.loop; n++ {
		played, err := recording.Play(ctx, recording.Envelopes(files, filter), cfg)
		all.Add(&played)
		if err != nil || ctx.Err() != nil {
			return all, err
		}
		if played.Envelopes == 0 {
			return all, nothingCame("no envelope of the files is to be played: see hermes log info")
		}
	}
	return all, nil
}

// warn says that receivers will find the envelopes too old.
func (o *playFlags) warn(std streams, files []*mcap.File) {
	const old = 10 * time.Second
	first := firstTime(files)
	if age := time.Since(first); !o.restamp && age > old {
		fmt.Fprintf(std.err, "hermes play: the envelopes are up to %v old; receivers whose option on_slow is stop, as it is by default, "+
			"stop at one that is older than their option timeout (--restamp gives them the present time)\n", age.Round(time.Second))
	}
}

// playedRecord is what play prints at its end.
type playedRecord struct {
	Envelopes uint64  `json:"envelopes"`
	Sent      uint64  `json:"sent"`
	Unwanted  uint64  `json:"unwanted"` // no receiver had subscribed to them
	Late50    float64 `json:"late_p50"` // seconds that they were sent too late
	Late99    float64 `json:"late_p99"`
}

func (o *playFlags) say(std streams, s core.PublisherStats, p recording.Played) error {
	r := playedRecord{p.Envelopes, s.Sent, s.Unwanted, p.Late(0.5).Seconds(), p.Late(0.99).Seconds()}
	if !o.printer.asTable() {
		return o.printer.line(r)
	}
	text := fmt.Sprintf("sent %s; timing error p50 %v, p99 %v", envelopes(r.Sent), p.Late(0.5).Round(time.Microsecond), p.Late(0.99).Round(time.Microsecond))
	if r.Unwanted > 0 {
		text += fmt.Sprintf("; no receiver has subscribed to %d others", r.Unwanted)
	}
	_, err := io.WriteString(std.err, "hermes play: "+text+"\n")
	return err
}
