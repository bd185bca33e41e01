package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/pflag"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/mcap"
	"github.com/hermes-zmq/hermes/cmd/hermes/internal/recording"
	"github.com/hermes-zmq/hermes/core/backbone"
	"github.com/hermes-zmq/hermes/internal/durable"
)

// streamFlags are the flags of a command that reads durable topics from NATS, or adds to them, in place of a post office.
type streamFlags struct {
	flags   *pflag.FlagSet
	servers []string
	cluster string
	natsLogin
}

// ofStream are the flags that mean nothing without --stream.
var ofStream = []string{"cluster", "since", "follow", "nats-creds", "nats-nkey", "nats-ca", "nats-cert", "nats-key"}

// addStream declares the flags; what is what the command does with the streams.
func addStream(f *pflag.FlagSet, what string) *streamFlags {
	s := &streamFlags{flags: f}
	f.StringSliceVar(&s.servers, "stream", nil, what+" durable topics, through the NATS servers at these `URLs`, in place of a post office")
	f.StringVar(&s.cluster, "cluster", backbone.DefaultCluster, "with --stream: `name` of the cluster of post offices")
	s.add(f, "stream", "")
	return s
}

// addStream declares the flags of record.
func (o *recordFlags) addStream(f *pflag.FlagSet) {
	o.stream = addStream(f, "record what is stored of")
	f.StringVar(&o.since, "since", "all", "with --stream: record what was stored since this `time`: all, 30m, or a date")
	f.BoolVar(&o.follow, "follow", false, "with --stream: go on with what comes")
}

// on reports whether there is --stream. excluded are flags that it excludes.
func (s *streamFlags) on(excluded ...string) (bool, error) {
	if !s.flags.Changed("stream") {
		for _, name := range ofStream {
			if s.flags.Changed(name) {
				return false, usageError{fmt.Sprintf("--%s needs --stream: it is about durable topics in NATS", name)}
			}
		}
		return false, nil
	}
	for _, name := range excluded {
		if s.flags.Changed(name) {
			return false, usageError{fmt.Sprintf("--stream and --%s exclude each other; drop one of them", name)}
		}
	}
	return true, nil
}

// open connects to the servers.
func (s *streamFlags) open(name string) (*durable.Archive, error) {
	urls, err := serverURLs("stream", s.servers, "4222")
	if err != nil {
		return nil, err
	}
	if len(urls) == 0 {
		return nil, usageError{"--stream is empty; write it as --stream nats://host:4222"}
	}
	a, err := durable.OpenArchive(urls, s.cluster, name, durable.Login{Credentials: s.creds, NKey: s.nkey, CA: s.ca, Cert: s.cert, Key: s.key})
	return a, blame(err)
}

// sinceOf reads --since.
func sinceOf(text string) (time.Time, error) {
	if text == "all" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return time.Now().Add(-d), nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return at, usageError{fmt.Sprintf("--since %q is neither all, a time before now, such as 30m, nor a date, such as 2026-11-30T06:45:00Z", text)}
	}
	return at, nil
}

// errRecorded ends reading a stream.
var errRecorded = errors.New("there is enough")

// recordStream records what the streams have.
func recordStream(ctx context.Context, std streams, o *recordFlags, topics []string) error {
	cfg, err := o.config(std)
	if err != nil {
		return err
	}
	r := durable.Reading{Topics: topics, Follow: o.follow}
	if r.Since, err = sinceOf(o.since); err != nil {
		return err
	}
	archive, err := o.stream.open(o.name)
	if err != nil {
		return err
	}
	defer archive.Close()
	if o.duration > 0 {
		var cancel func()
		ctx, cancel = context.WithTimeout(ctx, o.duration)
		defer cancel()
	}
	reading, end := context.WithCancel(ctx)
	defer end()
	var recorder *recording.Recorder
	var bar *progress
	r.Opened = func() (err error) { // where there is nothing to record, no file is left
		if recorder, err = recording.New(cfg); err == nil {
			go endWith(reading, end, recorder) // with --follow nothing may come behind the last one
			bar = o.bar(std, recorder.Progress)
			_ = o.say(std, "recording", cfg.Name, recording.Progress{})
		}
		return err
	}
	strange := uint64(0)
	counts, err := archive.Read(reading, r, func(m durable.Stored) error {
		select {
		case <-recorder.Full():
			return errRecorded
		case <-recorder.Failed():
			return errRecorded
		default:
		}
		if !recorder.Put(m.Message, m.At) {
			strange++
		}
		return nil
	})
	if recorder == nil {
		return blame(err)
	}
	bar.end()
	if errors.Is(err, errRecorded) {
		err = nil
	}
	return o.concludeStream(std, cfg.Name, recorder, err, strange+counts.Malformed, counts.Missing)
}

// endWith ends reading when enough is recorded, or nothing more can be.
func endWith(reading context.Context, end func(), recorder *recording.Recorder) {
	select {
	case <-recorder.Full():
	case <-recorder.Failed():
	case <-reading.Done():
	}
	end()
}

// concludeStream closes a recording of streams, says what is in it, and returns the error for the exit code. skipped messages are
// no envelopes, missing ones were in the streams no more.
func (o *recordFlags) concludeStream(std streams, name string, recorder *recording.Recorder, err error, skipped, missing uint64) error {
	p, failure := recorder.Close()
	if err := o.say(std, "ended", name, p); err != nil {
		return err
	}
	switch {
	case failure != nil:
		return incomplete("%w; %s written, %d not", failure, envelopes(p.Envelopes), p.Unwritten)
	case err != nil:
		return blame(err)
	case missing > 0 || skipped > 0:
		return incomplete("%d messages are missing from the streams, removed by their limits or deleted; %d are no envelopes", missing, skipped)
	}
	return nil
}

// streamed is what play prints at its end with --stream.
type streamed struct {
	Envelopes  uint64 `json:"envelopes"`
	Stored     uint64 `json:"stored"`
	Duplicates uint64 `json:"duplicates"` // that the stream had
	Unstored   uint64 `json:"unstored"`   // whose topics no stream takes
}

// playStream adds what files have to the streams.
func playStream(ctx context.Context, std streams, o *playFlags, cfg recording.PlayConfig, files []*mcap.File, filter recording.Filter) error {
	archive, err := o.stream.open(o.name)
	if err != nil {
		return err
	}
	defer archive.Close()
	// Acknowledgements are awaited after an interruption, too.
	awaited, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(o.flush, cancel) })()
	writer, err := archive.Writer(awaited, o.name)
	if err != nil {
		return err
	}
	cfg.Send = func(e *recording.Envelope) error { return writer.Put(e.Frames.Message(), e.LogTime) }
	played, err := o.playAll(ctx, std, cfg, files, filter)
	counts, failure := writer.Flush()
	r := streamed{played.Envelopes, counts.Stored, counts.Duplicates, counts.Unstored}
	if o.printer.asTable() {
		_, _ = io.WriteString(std.err, fmt.Sprintf("hermes play: stored %s; the streams had %d others\n", envelopes(r.Stored), r.Duplicates))
	} else if err := o.printer.line(r); err != nil {
		return err
	}
	switch err := errors.Join(err, failure); {
	case err != nil:
		return err
	case counts.Unstored > 0:
		return incomplete("%s not stored: no stream of the cluster %q takes their topics", envelopes(counts.Unstored), o.stream.cluster)
	}
	return nil
}
