// Command hermes is the tool of an operator: it runs a post office, prints envelopes as they
// pass, and publishes values.
//
//	hermes postoffice [flags]              relay between publishers and receivers
//	hermes sub [flags] ADDRESS [TOPIC...]  print what is published, one JSON object a line
//	hermes pub [flags] ADDRESS [TOPIC [JSON]]  publish one value, or lines from stdin
//	hermes key new NAME | show FILE | fingerprint FILE
//	                                       make a pair of keys for CURVE, or print a public key or its fingerprint
//	hermes policy check FILE | test FILE USER pub|sub TOPIC
//	                                       check a policy, or ask it what a user may do
//	hermes options KIND                    list the options of --set
//	hermes version                         print the version, as does hermes --version
//	hermes help [COMMAND]                  explain a command, as does hermes COMMAND --help
//
// Data goes to standard output as JSON, one object a line. Messages for people go to standard
// error.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/hermes-zmq/hermes/core"
)

func main() {
	// A closed pipe is reported as an error of the write: sub then ends, a post office continues.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}, os.Args[1:]))
}

// streams is where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
	finish   func() // called when the command ends: what it prints has outputGrace from then on
}

// forCommand makes streams for a command that ends early when ctx is done.
func (s streams) forCommand(ctx context.Context) streams {
	ctx, finish := context.WithCancel(ctx)
	return streams{in: s.in, out: newOutput(ctx, s.out), err: newOutput(ctx, s.err), finish: finish}
}

// command is one word after "hermes".
type command struct {
	name, arguments, what string
	run                   func(ctx context.Context, std streams, args []string) error
}

func commands() []command {
	return []command{
		{"postoffice", "[flags]", "relay between publishers and receivers, until interrupted", postOffice},
		{"sub", "[flags] ADDRESS [TOPIC...]", "print what is published, one JSON object a line", sub},
		{"pub", "[flags] ADDRESS [TOPIC [JSON]]", "publish one value, or the lines of standard input", pub},
		{"key", "new NAME | show FILE | fingerprint FILE", "make a pair of keys for CURVE, or print the public key in a file, or its fingerprint", key},
		{"policy", "check FILE | test FILE USER pub|sub TOPIC", "check a policy, or ask it what a user may do", policyCommand},
		{"options", "publisher|receiver|postoffice", "list the options that --set takes", options},
		{"version", "", "print the version", version},
	}
}

// run is main without the process around it; it returns the exit code. It ends early, with
// exitOK, when ctx is done.
func run(ctx context.Context, std streams, args []string) int {
	std = std.forCommand(ctx)
	defer std.finish()
	if len(args) == 0 {
		_ = usage(std.err)
		return exitUsage
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		return help(ctx, std, args[1:])
	case "--version":
		args = append([]string{"version"}, args[1:]...)
	}
	if c, ok := find(args[0]); ok {
		return exitCode(std, c, c.run(ctx, std, args[1:]))
	}
	return unknown(std, args[0])
}

func find(name string) (command, bool) {
	for _, c := range commands() {
		if c.name == name {
			return c, true
		}
	}
	return command{}, false
}

func unknown(std streams, name string) int {
	fmt.Fprintf(std.err, "hermes: no command %q\n", name)
	_ = usage(std.err)
	return exitUsage
}

// help explains all commands, or one.
func help(ctx context.Context, std streams, args []string) int {
	switch {
	case len(args) == 0:
		return exitCode(std, command{name: "help"}, usage(std.out))
	case len(args) > 1:
		fmt.Fprintln(std.err, "hermes help: takes one command at most")
		return exitUsage
	}
	c, ok := find(args[0])
	if !ok {
		return unknown(std, args[0])
	}
	return exitCode(std, c, c.run(ctx, std, []string{"--help"}))
}

// helpWanted is the error of a command line with --help.
type helpWanted struct{ flags *flags }

func (helpWanted) Error() string { return "help is wanted" }

func (c command) usage() string {
	return strings.TrimSpace("usage: hermes " + c.name + " " + c.arguments)
}

// explain prints what a command does, and its flags.
func explain(w io.Writer, c command, f *flags) error {
	text := fmt.Sprintf("%s\n\n%s\n", c.usage(), c.what)
	if f != nil && f.HasFlags() {
		text += "\n" + f.FlagUsagesWrapped(100)
	}
	_, err := io.WriteString(w, text)
	return err
}

func usage(w io.Writer) error {
	var b strings.Builder
	b.WriteString("usage: hermes COMMAND ...\n")
	for _, c := range commands() {
		fmt.Fprintf(&b, "  hermes %-49s %s\n", c.name+" "+c.arguments, c.what)
	}
	b.WriteString("\nhermes help COMMAND, or hermes COMMAND --help, lists the flags of a command. Flags may stand anywhere\n" +
		"after it; after -- everything is an argument.\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func version(_ context.Context, std streams, args []string) error {
	f := bareFlags("version")
	if err := f.parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return usageError{"takes no arguments"}
	}
	_, err := fmt.Fprintln(std.out, core.Version)
	return err
}
