package main

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/hermes-zmq/hermes/core"
)

// reloadOnHangup has a component read its policy again on each SIGHUP, until end. What is wrong with
// the file is an event of the component, and the old rules stay. Without a policy SIGHUP ends the
// program, as usual.
func reloadOnHangup(component core.Component) (end func()) {
	path, err := component.Get("policy")
	if err != nil || path == "" {
		return func() {}
	}
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range hangups {
			_ = component.Set("policy", path)
		}
	}()
	return func() {
		signal.Stop(hangups)
		close(hangups)
		<-done
	}
}
