package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

// outputGrace is how long a command that ends waits for what it prints to be taken.
const outputGrace = time.Second

// errNotRead is the error of what was printed when a command ended and nothing read it.
var errNotRead = errors.New("what it printed last was not read")

// output writes in a goroutine of its own, because a write to a pipe or a terminal that is not
// read cannot be interrupted. Once ctx is done, a write that has not ended within outputGrace is
// given up, with errNotRead, and so are all that follow. For several goroutines.
type output struct {
	to      io.Writer
	ctx     context.Context
	mu      sync.Mutex
	stuck   bool
	written chan error // of the write under way
}

func newOutput(ctx context.Context, to io.Writer) *output {
	return &output{to: to, ctx: ctx, written: make(chan error, 1)}
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.stuck {
		return 0, errNotRead
	}
	text := bytes.Clone(p) // the caller's only until Write returns
	go func() {
		_, err := o.to.Write(text)
		o.written <- err
	}()
	select {
	case err := <-o.written:
		return len(p), err
	case <-o.ctx.Done():
	}
	select {
	case err := <-o.written:
		return len(p), err
	case <-time.After(outputGrace):
		o.stuck = true
		return 0, errNotRead
	}
}
