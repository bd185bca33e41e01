package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/hermes-zmq/hermes/core"
)

// notNegative refuses durations below zero.
func notNegative(name string, d time.Duration) error {
	if d < 0 {
		return usageError{"--" + name + " cannot be negative"}
	}
	return nil
}

// settings are options for a component.
type settings []setting

type setting struct{ key, value string }

// addSettings declares --set.
func addSettings(f *pflag.FlagSet) *settings {
	s := new(settings)
	f.Var(s, "set", "set an option, as `key=value`; may be repeated (hermes options lists them)")
	return s
}

func (s *settings) String() string { return "" }

// Type implements pflag.Value.
func (s *settings) Type() string { return "key=value" }

func (s *settings) Set(text string) error {
	key, value, ok := strings.Cut(text, "=")
	if !ok || key == "" {
		return errors.New("write it as key=value")
	}
	*s = append(*s, setting{key, value})
	return nil
}

func (s settings) apply(component core.Component) error {
	for _, x := range s {
		if err := component.Set(x.key, x.value); err != nil {
			return err
		}
	}
	return nil
}

// eventSource is what reports events until it has stopped: a component, or a backbone.
type eventSource interface {
	NextEvent(timeout time.Duration) (core.Event, error)
}

// report prints the events of a component on standard error until it has stopped: warnings and
// errors, and with all those of level info too. Failed attempts to connect are skipped, because
// the event "unreachable" reports them. heard is told of each event.
func report(std streams, source eventSource, all bool, heard ...func(core.Event)) {
	for {
		e, err := source.NextEvent(-1)
		if err != nil {
			return
		}
		for _, tell := range heard {
			tell(e)
		}
		if e.Kind == "retrying" || e.Level == "info" && !all {
			continue
		}
		at := time.UnixMicro(int64(e.TS * 1e6)).Format("2006-01-02 15:04:05.000")
		fmt.Fprintf(std.err, "%s %-7s %s\n", at, e.Level, e.Text)
	}
}

// background runs report in a goroutine; the function that it returns stops the component and
// waits until its last event is printed.
func background(std streams, component core.Component, all bool, heard ...func(core.Event)) (end func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		report(std, component, all, heard...)
	}()
	return func() {
		_ = component.Stop(time.Second)
		<-done
	}
}

// stopWith stops the component when ctx is done, which wakes a blocked caller. The function that
// it returns ends the watch.
func stopWith(ctx context.Context, component core.Component) (end func() bool) {
	return context.AfterFunc(ctx, func() { _ = component.Stop(time.Second) })
}
