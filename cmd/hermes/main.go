// Command hermes is the tool of an operator: it runs a post office, publishes, prints envelopes
// as they pass, and shows what goes on in a cluster. `hermes help` lists its commands, and
// docs/command.md explains them.
//
// root.go has the tree of commands; each command stands in a file of its own, named for it. What
// several of them need: target.go (which post office a command talks to), context.go (targets
// that are kept under a name), printer.go (tables and JSON), progress.go, exitcode.go.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
)

func main() {
	ignoreClosedPipes()
	ctx, stop := signal.NotifyContext(context.Background(), endings...)
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
