// Command hermes is what an operator of a cluster has at hand: a post office that runs
// day and night, a look at what passes, and a way to say something.
//
//	hermes postoffice [flags]              relay between publishers and receivers
//	hermes sub [flags] ADDRESS [TOPIC...]  print what is published, one JSON object a line
//	hermes pub [flags] ADDRESS [TOPIC [JSON]]  publish one value, or lines from stdin
//	hermes options KIND                    list the options of --set
//	hermes version                         print the version
//
// Data goes to standard output as JSON, one object a line. What people should know goes
// to standard error.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/hermes-zmq/hermes/core"
)

// Exit codes.
const (
	exitOK    = 0
	exitError = 1 // something went wrong
	exitUsage = 2 // the command line makes no sense
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, streams{os.Stdin, os.Stdout, os.Stderr}, os.Args[1:]))
}

// streams is where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// command is one word after "hermes".
type command struct {
	name, arguments, what string
	run                   func(ctx context.Context, std streams, args []string) error
}

func commands() []command {
	return []command{
		{"postoffice", "[flags]", "relay between publishers and receivers, until told to stop", postOffice},
		{"sub", "[flags] ADDRESS [TOPIC...]", "print what is published, one JSON object a line", sub},
		{"pub", "[flags] ADDRESS [TOPIC [JSON]]", "publish one value, or what comes on standard input", pub},
		{"options", "publisher|receiver|postoffice", "list the options that --set takes", options},
		{"version", "", "print the version", version},
	}
}

// run is main without the process around it; it returns the exit code. It ends early
// and well when ctx is done.
func run(ctx context.Context, std streams, args []string) int {
	if len(args) == 0 {
		usage(std.err)
		return exitUsage
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		usage(std.out)
		return exitOK
	}
	for _, c := range commands() {
		if c.name == args[0] {
			return exitCode(std, c, c.run(ctx, std, args[1:]))
		}
	}
	fmt.Fprintf(std.err, "hermes: there is no command %q\n", args[0])
	usage(std.err)
	return exitUsage
}

// usageError is a command line that makes no sense.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

func exitCode(std streams, c command, err error) int {
	var bad usageError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return exitOK
	case errors.As(err, &bad):
		fmt.Fprintf(std.err, "hermes %s: %s\nusage: hermes %s %s\n", c.name, bad.text, c.name, c.arguments)
		return exitUsage
	default:
		fmt.Fprintf(std.err, "hermes %s: %v\n", c.name, err)
		return exitError
	}
}

func usage(w io.Writer) {
	fmt.Fprintln(w, "usage: hermes COMMAND ...")
	for _, c := range commands() {
		fmt.Fprintf(w, "  hermes %-44s %s\n", c.name+" "+c.arguments, c.what)
	}
	fmt.Fprintln(w, "\nhermes COMMAND -h lists the flags of a command.")
}

func version(_ context.Context, std streams, args []string) error {
	if len(args) > 0 {
		return usageError{"takes no arguments"}
	}
	fmt.Fprintln(std.out, core.Version)
	return nil
}
