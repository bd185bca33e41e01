package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/mcap"
	"github.com/hermes-zmq/hermes/cmd/hermes/internal/recording"
	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/internal/embed"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// recordFlags are what the command line says of record.
type recordFlags struct {
	target              *target
	printer             *printer
	output, name        string
	origins             []string
	compression, where  string
	count               uint64
	duration, flush     time.Duration
	every, ring         time.Duration
	rotateCount         uint64
	rotateSize, quota   sizeFlag
	minFree, ringMemory sizeFlag
	onLoss, follow      bool
	onEvent             []string
	stream              *streamFlags
	since               string
	report              time.Duration
	mode                fileMode
}

// chunkBytes is about how large a chunk of a recording is before it is compressed.
const chunkBytes = 1 << 20

func newRecordCommand(std streams) *cobra.Command {
	c := &cobra.Command{
		Use:     "record [flags] [ADDRESS] [TOPIC...]",
		Short:   "record envelopes in a file, exactly as they come",
		GroupID: groupMessages,
		Long: `hermes record writes what it receives to an MCAP file, until it is interrupted: every frame as it came, with the
time of arrival, and a record of each loss that the numbers of the envelopes tell. hermes play sends it again,
hermes log reads, checks and repairs it, and programs that know MCAP, such as Foxglove, open it.

A file that is being written has .part at the end of its name. After a crash, hermes log recover makes a whole
file of it: at most what came within --flush is missing. With --rotate-size, --rotate-every or --rotate-count the
files are numbered: NAME-000001.mcap, NAME-000002.mcap.

With --ring nothing is written until there is a reason: the signal USR1, a loss (--on-loss), an event of this
receiver (--on-event), or an envelope for which --where is true. Then what came in the time before goes to a file, whose name has the time in it.

Envelopes are never dropped here while the disk keeps up; if it does not, the post office is held back as by any
slow receiver. Where the disk is full, what is there is closed, and the exit code is 5. Where no topic is allowed it
ends with 4, if --count or --duration would end it; else it goes on, for a policy that is changed.

With --stream nats://host:4222, in place of ADDRESS, it records what JetStream keeps of the durable topics of a
cluster: everything, or what was stored --since, with the times of storage. It ends where the stream ended when it
began, unless there is --follow; the exit code is 5 where messages are missing from the stream.`,
		Example: `hermes record --count 10 --output ticks.mcap tcp://127.0.0.1:6001 ticks/
hermes record --duration 1s --output day.mcap --rotate-every 1h --quota 20G tcp://127.0.0.1:6001
hermes record --duration 1s --output flight.mcap --ring 60s --on-loss tcp://127.0.0.1:6001`,
	}
	o := recordFlags{target: addTarget(c, sideOut), printer: addPrinter(c, std), minFree: 256 << 20, ringMemory: 256 << 20, mode: 0o600}
	f := c.Flags()
	f.StringVarP(&o.output, "output", "o", "", "the `file`; without it hermes- and the time")
	f.Uint64VarP(&o.count, "count", "n", 0, "end after `n` envelopes; 0 has no limit")
	f.DurationVar(&o.duration, "duration", 0, "end after this time; 0 has no limit")
	f.StringArrayVar(&o.origins, "origin", nil, "record only envelopes of the origin `name`; may be repeated")
	f.DurationVar(&o.flush, "flush", time.Second, "how long an envelope may wait until it is written: what a crash may cost")
	f.StringVar(&o.compression, "compression", mcap.Zstd, "zstd or none")
	f.Var(&o.rotateSize, "rotate-size", "begin another file when one has this `size`")
	f.DurationVar(&o.every, "rotate-every", 0, "begin another file after this time")
	f.Uint64Var(&o.rotateCount, "rotate-count", 0, "begin another file after `n` envelopes")
	f.Var(&o.quota, "quota", "delete the oldest of the numbered files beyond this `size` of all")
	f.Var(&o.minFree, "min-free", "`size` of the disk that stays free: the oldest of numbered files are deleted, else the recording ends")
	o.addRingFlags(f)
	f.StringVar(&o.name, "name", "hermes-record", "the `name` of this receiver")
	o.addFileFlags(f)
	c.RunE = func(c *cobra.Command, args []string) error {
		switch on, err := o.stream.on("context", "set", "origin", "ring"); {
		case err != nil:
			return err
		case on:
			return recordStream(c.Context(), std, &o, args)
		}
		topics, err := o.target.resolve(args)
		if err != nil {
			return err
		}
		return recordTopics(c.Context(), std, &o, topics)
	}
	return c
}

// config is what the flags say to the recorder.
func (o *recordFlags) config(std streams) (cfg recording.Config, err error) {
	for name, d := range map[string]time.Duration{"duration": o.duration, "rotate-every": o.every, "ring": o.ring, "report": o.report} {
		if err := notNegative(name, d); err != nil {
			return cfg, err
		}
	}
	cfg = recording.Config{Name: o.output, Compression: o.compression, ChunkBytes: chunkBytes, Flush: o.flush, Mode: os.FileMode(o.mode), MinFree: int64(o.minFree), Most: o.count,
		Rotate: recording.Rotation{Bytes: int64(o.rotateSize), Every: o.every, Envelopes: o.rotateCount, Quota: int64(o.quota)},
		Ring:   recording.Ring{Last: o.ring, Bytes: int64(o.ringMemory), OnLoss: o.onLoss},
		Notice: func(text string) { fmt.Fprintf(std.err, "hermes record: %s\n", text) },
	}
	switch {
	case o.flush <= 0:
		return cfg, usageError{"--flush must be more than 0"}
	case cfg.Compression == "none":
		cfg.Compression = mcap.None
	case cfg.Compression != mcap.Zstd:
		return cfg, usageError{fmt.Sprintf("--compression is zstd or none, and not %q", o.compression)}
	}
	if cfg.Name == "" {
		cfg.Name = "hermes-" + time.Now().Format("20060102-150405") + ".mcap"
	}
	switch {
	case cfg.Rotate.On() && cfg.Ring.On():
		return cfg, usageError{"--ring writes a file when there is a reason: leave out --rotate-size, --rotate-every and --rotate-count"}
	case o.quota > 0 && !cfg.Rotate.On():
		return cfg, usageError{"--quota deletes the oldest of several files: give --rotate-size, --rotate-every or --rotate-count as well"}
	case o.where != "" && cfg.Ring.On():
		cfg.Trigger, err = triggerOf(o.where)
		return cfg, err
	case (o.onLoss || o.where != "" || len(o.onEvent) > 0) && !cfg.Ring.On():
		return cfg, usageError{"--on-loss, --on-event and --where are reasons to write a ring: give --ring as well"}
	}
	return cfg, nil
}

// triggerOf compiles an expression that is a reason to write the ring.
func triggerOf(expression string) (func(*recording.Frames) bool, error) {
	w, err := parseWhere(expression)
	if err != nil {
		return nil, err
	}
	return func(f *recording.Frames) bool {
		ts, _, _, _ := wire.ParseTime(f.Time)
		return w.holds(&core.View{Topic: wire.Text(f.Topic, nil), Origin: wire.Text(f.Origin, nil), Data: f.Data, TS: ts})
	}, nil
}

// recorded is what record prints when it begins, each --report, and when it ends.
// Envelopes counts what is written: the recorder may be killed then.
type recorded struct {
	State     string `json:"state"` // recording, ended
	Output    string `json:"output"`
	Files     int    `json:"files"`
	Envelopes uint64 `json:"envelopes"`
	Lost      uint64 `json:"lost"`
	Bytes     int64  `json:"bytes"`
	Evicted   uint64 `json:"evicted"`       // envelopes that have left the ring
	Deleted   uint64 `json:"deleted_files"` // by the quota
	Unwritten uint64 `json:"unwritten"`     // envelopes that came when the output had failed
}

// recordTopics records until ctx is done, or another end is reached.
func recordTopics(ctx context.Context, std streams, o *recordFlags, topics []string) error {
	cfg, err := o.config(std)
	if err != nil {
		return err
	}
	receiver, err := o.target.receiver(o.name)
	if err != nil {
		return err
	}
	defer receiver.Close()
	if err := choose(receiver, topics, o.origins...); err != nil {
		return blame(err)
	}
	if err := receiver.Set("on_slow", "ignore"); err != nil { // what is old is recorded, too
		return err
	}
	cfg.Receiver = func() json.RawMessage { return receiver.StatsJSON() }
	recorder, err := recording.New(cfg)
	if err != nil {
		return err
	}
	embed.ReceiverOf(receiver).SetTap(recorder.Tap())
	if err := receiver.Start(); err != nil {
		_, _ = recorder.Close()
		return blame(err)
	}
	refused := refusalsOf(topics)
	endReport := background(std, receiver, true, refused.hear, func(e core.Event) {
		if slices.Contains(o.onEvent, e.Kind) {
			recorder.Dump("event " + e.Kind)
		}
	})
	connected := o.wait(ctx, std, cfg.Name, recorder, receiver, refused)
	problem := receiver.Stats().Problem
	endReport()
	p, failure := recorder.Close()
	if err := o.say(std, "ended", cfg.Name, p); err != nil {
		return err
	}
	switch {
	case failure != nil:
		return incomplete("%w; %s written, %d not", failure, envelopes(p.Envelopes), p.Unwritten)
	case ctx.Err() == nil && (refused.total() || p.Envelopes == 0 && !cfg.Ring.On()):
		var err error
		if !connected {
			err = nothingCame("nothing was recorded within %v: %s", o.duration, cmp.Or(problem, "no peer has connected"))
		}
		return refused.or(err)
	}
	return nil
}

// wait returns when the recording is to end, and whether it was ever connected.
func (o *recordFlags) wait(ctx context.Context, std streams, name string, recorder *recording.Recorder, receiver *core.Receiver, refused *refusals) (connected bool) {
	defer o.bar(std, recorder.Progress).end()
	dump := make(chan os.Signal, 1)
	if o.ring > 0 {
		notifyDump(dump)
		defer signal.Stop(dump)
	}
	ready := make(chan struct{})
	go func() {
		if refused.await(receiver) == nil {
			close(ready)
		}
	}()
	var inVain <-chan struct{}
	if o.duration > 0 || o.count > 0 { // what has no end waits for a policy that allows it
		inVain = refused.everything()
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = receiver.Wait(-1)
	}()
	var over <-chan time.Time
	if o.duration > 0 {
		over = time.After(o.duration)
	}
	report, endReports := every(o.report)
	defer endReports()
	for {
		select {
		case <-ready:
			ready, connected = nil, true
			_ = o.say(std, "recording", name, recording.Progress{})
		case <-dump:
			recorder.Dump("signal")
		case <-report:
			_ = o.say(std, "recording", name, recorder.Progress())
		case <-ctx.Done():
			return connected
		case <-inVain:
			return connected
		case <-over:
			return connected
		case <-recorder.Full():
			return connected
		case <-recorder.Failed():
			return connected
		case <-ended:
			return connected
		}
	}
}

// bar shows how near the end is that comes first: that of --count, or that of --duration.
func (o *recordFlags) bar(std streams, now func() recording.Progress) *progress {
	const percent = 100
	began := time.Now()
	return newProgressOf(std, "recording", map[bool]int64{true: percent}[o.count > 0 || o.duration > 0], func() int64 {
		done := 0.0
		if o.count > 0 {
			done = float64(now().Envelopes) / float64(o.count)
		}
		if o.duration > 0 {
			done = max(done, time.Since(began).Seconds()/o.duration.Seconds())
		}
		return int64(percent * done)
	})
}

// say prints how far it has come: for programs on standard output, else for people.
func (o *recordFlags) say(std streams, state, name string, p recording.Progress) error {
	if !o.printer.asTable() {
		return o.printer.line(recorded{State: state, Output: name, Files: p.Files, Envelopes: p.Envelopes, Lost: p.Lost, Bytes: p.Bytes,
			Evicted: p.Evicted, Deleted: p.Deleted, Unwritten: p.Unwritten})
	}
	text := fmt.Sprintf("recording %s; Ctrl-C ends it", name)
	switch {
	case state != "ended" && p.Envelopes > 0:
		text = fmt.Sprintf("%s written to %s", envelopes(p.Envelopes), name)
	case state == "ended":
		text = fmt.Sprintf("recorded %s, %d lost on the way here, %d bytes", envelopes(p.Envelopes), p.Lost, p.Bytes)
	}
	fmt.Fprintln(std.err, "hermes record: "+text)
	return nil
}

// every ticks at an interval; with 0 it does not.
func every(interval time.Duration) (ticks <-chan time.Time, end func()) {
	if interval <= 0 {
		return nil, func() {}
	}
	t := time.NewTicker(interval)
	return t.C, t.Stop
}

// addRingFlags declares what is about the ring.
func (o *recordFlags) addRingFlags(f *pflag.FlagSet) {
	f.DurationVar(&o.ring, "ring", 0, "keep this much of the past in memory, and write it when there is a reason")
	f.Var(&o.ringMemory, "ring-memory", "`size` of memory for --ring")
	f.BoolVar(&o.onLoss, "on-loss", false, "write the ring when an envelope is found to be lost")
	f.StringSliceVar(&o.onEvent, "on-event", nil, "write the ring when an event of this `kind` happens to this receiver, such as disconnected, overflow, malformed or lagging; may be repeated")
	f.StringVar(&o.where, "where", "", "write the ring when an envelope meets this `expression`, as in hermes sub")
}

// addFileFlags declares what is about the files as such, and about streams.
func (o *recordFlags) addFileFlags(f *pflag.FlagSet) {
	f.DurationVar(&o.report, "report", 0, "print how many envelopes have been written, each `time`: they survive a crash of the recorder")
	f.Var(&o.mode, "mode", "permissions of the files, as an octal `number` such as 0640; the umask takes from them")
	o.addStream(f)
}

// fileMode is a flag: permissions as an octal number.
type fileMode uint32

func (m *fileMode) String() string { return fmt.Sprintf("%#o", uint32(*m)) }
func (m *fileMode) Type() string   { return "number" }

func (m *fileMode) Set(text string) error {
	n, err := strconv.ParseUint(text, 8, 9)
	if err != nil || n&0o600 != 0o600 {
		return fmt.Errorf("%q is not an octal number such as 0640 that lets the owner read and write", text)
	}
	*m = fileMode(n)
	return nil
}
