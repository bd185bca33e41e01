package main

// #include "exports.h"
import "C"

import (
	"io"
	"sync/atomic"
	"syscall"

	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/internal/embed"
	"github.com/hermes-zmq/hermes/internal/errs"
	"github.com/hermes-zmq/hermes/internal/handle"
)

// pipe is the library's end of a pair of sockets (hermes_pipe). The host program has the
// other end: a byte there tells it to look for envelopes, and when it closes its end the
// library closes the object.
//
// Each look for envelopes arms the pipe. The first arrival after that writes one byte and
// disarms it, so that an arrival costs a system call only if the program has found nothing.
//
// The sockets are made, written to and closed by pipe_linux.go, pipe_darwin.go and pipe_windows.go.
type pipe struct {
	end   io.ReadCloser // of the library; closed once
	fd    int           // its descriptor, where descriptors are noted
	raw   syscall.RawConn
	armed atomic.Bool
}

// wake writes the byte, if the pipe is armed. It does not block: if the socket is full, the
// program has bytes to read already; if it is closed, no program reads it.
func (p *pipe) wake() {
	if !p.armed.Load() || !p.armed.CompareAndSwap(true, false) {
		return
	}
	_ = p.raw.Write(func(fd uintptr) bool {
		sendByte(fd)
		return true
	})
}

// watch closes the object once the host has closed its end.
func (p *pipe) watch(h handle.Handle) {
	var ignored [64]byte
	for {
		if _, err := p.end.Read(ignored[:]); err != nil {
			break
		}
	}
	closeHandle(h)
}

//export hermesgo_pipe
func hermesgo_pipe(h C.uint64_t) C.int32_t {
	var fd int
	code := on("hermes_pipe", h, anyKind, nil, func(c call) (err error) {
		fd, err = c.openPipe(handle.Handle(h))
		return err
	})
	return descriptor(code, fd)
}

// openPipe gives the object a pipe, and returns the host's descriptor.
func (c call) openPipe(h handle.Handle) (int, error) {
	p, fd, err := newPipe()
	if err != nil {
		return -1, errs.Errorf(errs.EIO, "no pair of sockets for %s %s: %v", h.Kind(), h, err)
	}
	o := c.entry.Object()
	if !o.pipe.CompareAndSwap(nil, p) {
		p.close()
		closeHostsEnd(fd)
		return -1, errs.Errorf(errs.ESTATE, "%s %s has a pipe already", h.Kind(), h)
	}
	if r, receives := c.component().(*core.Receiver); receives {
		wakerOf(embed.ReceiverOf(r)).pipe.Store(p)
		p.armed.Store(true)
		p.wake() // the host's first look
	}
	go contained(c.component().Fail, func() { p.watch(h) })
	if !c.entry.Open() { // closed meanwhile, before there was a pipe to close
		o.dropPipe()
	}
	return fd, nil
}

// dropPipe ends the pipe of a closed handle, so that the host reads the end.
func (o *object) dropPipe() {
	if p := o.pipe.Swap(nil); p != nil {
		p.close()
	}
}
