// On Unix signals end a command, or ask it for something.

//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// endings are the signals that end a command.
var endings = []os.Signal{os.Interrupt, syscall.SIGTERM}

// ignoreClosedPipes has a closed pipe reported as an error of the write: sub then ends, a post office continues.
func ignoreClosedPipes() { signal.Ignore(syscall.SIGPIPE) }

// notifyReload sends to c when a post office is to read its configuration again.
func notifyReload(c chan<- os.Signal) { signal.Notify(c, syscall.SIGHUP) }

// notifyDump sends to c when a recording is to write its ring.
func notifyDump(c chan<- os.Signal) { signal.Notify(c, syscall.SIGUSR1) }
