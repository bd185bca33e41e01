package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hermes-zmq/hermes/cmd/hermes/internal/humane"
	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/internal/errno"
)

// Exit codes.
const (
	exitOK         = 0
	exitError      = 1 // the command failed
	exitUsage      = 2 // the command line is wrong
	exitNothing    = 3 // what was waited for did not come
	exitRefused    = 4 // a policy does not allow what was asked, or a peer refuses this end
	exitIncomplete = 5 // the command did a part of what was asked
)

// exitCodes says what the codes mean, for the documentation.
var exitCodes = []struct {
	Code    int    `json:"code"`
	Meaning string `json:"meaning"`
}{
	{exitOK, "all is well; so it is when the command is interrupted, or when the reader of its output goes away"},
	{exitError, "the command failed: standard error says why"},
	{exitUsage, "the command line is wrong, or a setting that it names"},
	{exitNothing, "what was waited for did not come in time: an envelope, a receiver, an answer, or a post office at the address"},
	{exitRefused, "a policy does not allow what was asked, or a peer refuses this end"},
	{exitIncomplete, "a part of what was asked was not done"},
}

// exitNote says which command has other codes, for the documentation.
const exitNote = "hermes check has the codes of plugins for Nagios instead: 0 ok, 1 warning, 2 critical, 3 unknown, " +
	"which a wrong command line is too."

// exit is the error of a command that has printed all that there is to say: its exit code.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// usageError is the error of a wrong command line.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

// codedError is an error with the exit code that it ends the command with.
type codedError struct {
	error
	code int
}

func (e codedError) Unwrap() error { return e.error }

// nothingCame is the error of a command that waited in vain.
func nothingCame(format string, args ...any) error {
	return codedError{fmt.Errorf(format, args...), exitNothing}
}

// refused is the error of a command that a peer or a policy refuses.
func refused(format string, args ...any) error {
	return codedError{fmt.Errorf(format, args...), exitRefused}
}

// incomplete is the error of a command that did only a part.
func incomplete(format string, args ...any) error {
	return codedError{fmt.Errorf(format, args...), exitIncomplete}
}

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
func exitCode(std streams, c *cobra.Command, err error) int {
	var bad usageError
	var quiet exit
	switch {
	case err == nil, errors.Is(err, errno.EPIPE): // the reader of standard output has closed it
		return exitOK
	case errors.As(err, &quiet):
		return int(quiet)
	case errors.As(err, &bad):
		fmt.Fprintf(std.err, "%s: %s\nusage: %s\n", c.CommandPath(), humane.Plain(bad.text), c.UseLine())
		return exitUsage
	}
	fmt.Fprintf(std.err, "%s: %s\n", c.CommandPath(), humane.Plain(err.Error()))
	return codeOf(err)
}

// codeOf is the exit code of an error that has no other meaning for the command line.
func codeOf(err error) int {
	var coded codedError
	if errors.As(err, &coded) {
		return coded.code
	}
	switch core.CodeOf(err) {
	case core.EACCES, core.EAUTH:
		return exitRefused
	case core.ETIMEOUT:
		return exitNothing
	}
	return exitError
}
