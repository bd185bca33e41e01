package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"

	"github.com/hermes-zmq/hermes/core"
)

// flags is the flag set of one command, with what all commands have.
type flags struct {
	*flag.FlagSet
	settings settings
}

func newFlags(std streams, name string) *flags {
	f := &flags{FlagSet: flag.NewFlagSet("hermes "+name, flag.ContinueOnError)}
	f.SetOutput(std.err)
	f.Var(&f.settings, "set", "an option as `key=value`, as often as you like (hermes options lists them)")
	return f
}

// parse reads the command line; its mistakes are usageErrors.
func (f *flags) parse(args []string) error {
	err := f.Parse(args)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		return usageError{err.Error()}
	}
	return err
}

// settings are options for a Part.
type settings []struct{ key, value string }

func (s *settings) String() string { return fmt.Sprint(*s) }

func (s *settings) Set(text string) error {
	key, value, ok := strings.Cut(text, "=")
	if !ok || key == "" {
		return errors.New("write it as key=value")
	}
	*s = append(*s, struct{ key, value string }{key, value})
	return nil
}

func (s settings) apply(part core.Part) error {
	for _, x := range s {
		if err := part.Set(x.key, x.value); err != nil {
			return err
		}
	}
	return nil
}

// report prints on standard error what happens to a part, until it has stopped.
func report(std streams, part core.Part) {
	for {
		e, err := part.NextEvent(-1)
		if err != nil {
			return
		}
		at := time.UnixMicro(int64(e.TS * 1e6)).Format("2006-01-02 15:04:05.000")
		fmt.Fprintf(std.err, "%s %-7s %s\n", at, e.Level, e.Text)
	}
}

// background runs report meanwhile; the function that it returns stops the part and waits
// for its last words.
func background(std streams, part core.Part) (end func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		report(std, part)
	}()
	return func() {
		_ = part.Stop(time.Second)
		<-done
	}
}

// stopWith stops the part when ctx is done, so that whoever waits on it wakes. The
// function that it returns ends the watch.
func stopWith(ctx context.Context, part core.Part) (end func() bool) {
	return context.AfterFunc(ctx, func() { _ = part.Stop(time.Second) })
}
