package main

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/hermes-zmq/hermes/core"
)

// Exit codes.
const (
	exitOK    = 0
	exitError = 1 // the command failed
	exitUsage = 2 // the command line is wrong

	exitRefused = 4 // a policy does not allow what was asked
)

// exit is the error of a command that has printed all that there is to say: its exit code.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// usageError is the error of a wrong command line.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

// blame makes the error of a bad address, name, topic or option a usageError, because it comes
// from the command line. Other errors are returned unchanged.
func blame(err error) error {
	switch core.CodeOf(err) {
	case core.EINVAL, core.EADDRESS, core.EOPTION, core.EUTF8:
		return usageError{err.Error()}
	}
	return err
}

// exitCode prints the error of a command, and returns the exit code.
func exitCode(std streams, c command, err error) int {
	var bad usageError
	var wanted helpWanted
	var quiet exit
	switch {
	case err == nil, errors.Is(err, syscall.EPIPE): // the reader of standard output has closed it
		return exitOK
	case errors.As(err, &quiet):
		return int(quiet)
	case errors.As(err, &wanted):
		return exitCode(std, c, explain(std.out, c, wanted.flags))
	case errors.As(err, &bad):
		fmt.Fprintf(std.err, "hermes %s: %s\n%s\n", c.name, bad.text, c.usage())
		return exitUsage
	default:
		fmt.Fprintf(std.err, "hermes %s: %v\n", c.name, err)
		return exitError
	}
}
