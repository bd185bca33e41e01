package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/logs"
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

// Pairs implements config.Pairs.
func (s *settings) Pairs() (all [][2]string) {
	for _, x := range *s {
		all = append(all, [2]string{x.key, x.value})
	}
	return all
}

// eventSource is what reports events until it has stopped: a component, or a backbone.
type eventSource interface {
	NextEvent(timeout time.Duration) (core.Event, error)
}

// report logs the events of a component on standard error until it has stopped: warnings and
// errors, and with all those of level info too. heard is told of each event.
func report(std streams, source eventSource, all bool, heard ...func(core.Event)) {
	level := slog.LevelWarn
	if all {
		level = slog.LevelInfo
	}
	log, err := logs.New(std.err, logs.Options{Level: level})
	if err != nil {
		return // there is the format text
	}
	defer log.Close()
	name := ""
	if named, is := source.(interface{ Name() string }); is {
		name = named.Name()
	}
	logEvents(log, name, source, heard...)
}

// logEvents logs the events of a component until it has stopped. heard is told of each.
func logEvents(log *logs.Logger, name string, source eventSource, heard ...func(core.Event)) {
	for {
		e, err := source.NextEvent(-1)
		if err != nil {
			return
		}
		for _, tell := range heard {
			tell(e)
		}
		log.Event(name, e)
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
