//go:build cgo && !nolibzmq

// Package libzmq is the carrier on libzmq, through zmq4's public API. It hides libzmq: its
// contexts, its descriptors, its monitor and its errors. It serves every transport that
// libzmq serves, and is the reference that package zmtp is tested against.
//
// Rules: one lock owns each libzmq socket. No goroutine blocks inside libzmq: a watcher waits
// for the socket's descriptor (ZMQ_FD) in Go's poller, then takes the lock and does what is
// possible. That costs no thread, and no CPU while idle. A call into libzmq outside of the
// watcher may consume an event, so it wakes the watcher.
//
// Lock order: outlet.sending, socket.events, socket.mu, monitor.mu.
package libzmq

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"

	zmq "github.com/pebbe/zmq4"

	"github.com/hermes-zmq/hermes/internal/address"
	"github.com/hermes-zmq/hermes/internal/carrier"
)

// Built reports that this build has libzmq.
const Built = true

// Opener opens sockets on libzmq.
type Opener struct{}

var _ carrier.Opener = Opener{}

// Supports implements carrier.Opener: every transport that this libzmq was built with.
func (Opener) Supports(text string) error {
	a, err := address.Parse(text)
	if err == nil {
		err = a.Resolve()
	}
	if err != nil {
		return err
	}
	switch a.Transport {
	case "tls":
		return fmt.Errorf("%w: libzmq has no TLS, which %q needs (engine zmtp has it)", carrier.ErrUnsupported, text)
	case "fd", "tls+fd":
		return fmt.Errorf("%w: libzmq takes no socket that listens already, which %q names (engine zmtp does)", carrier.ErrUnsupported, text)
	case "ipc":
		return supported(zmq.HasIpc(), a.Transport)
	case "pgm", "epgm":
		return supported(zmq.HasPgm(), a.Transport)
	case "tipc":
		return supported(zmq.HasTipc(), a.Transport)
	case "norm":
		return supported(zmq.HasNorm(), a.Transport)
	}
	return nil
}

func supported(has bool, scheme string) error {
	if has {
		return nil
	}
	return fmt.Errorf("%w: this libzmq was built without %s", carrier.ErrUnsupported, scheme)
}

// OpenOutlet opens a PUB or XPUB.
func (Opener) OpenOutlet(c carrier.OutletConfig) (carrier.Outlet, error) {
	if c.Cache != nil { // libzmq does not distinguish its peers
		return nil, fmt.Errorf("%w: a cache", carrier.ErrUnsupported)
	}
	// libzmq has the queues, and lets no other remove anything from them.
	if c.Overflow == carrier.DropOld || c.Overflow == carrier.LatestPerTopic {
		return nil, fmt.Errorf("%w: the policy %s for full queues", carrier.ErrUnsupported, c.Overflow)
	}
	o, err := openOutlet(c)
	if err != nil {
		return nil, err
	}
	return o, nil
}

// OpenInlet opens a SUB or XSUB.
func (Opener) OpenInlet(c carrier.InletConfig) (carrier.Inlet, error) {
	if c.Since != nil {
		return nil, carrier.ErrHistory
	}
	in, err := openInlet(c)
	if err != nil {
		return nil, err
	}
	return in, nil
}

// shared is the context of all sockets that use inproc://, which reaches no
// further than one context. It lives as long as the process.
var shared = sync.OnceValues(func() (*zmq.Context, error) {
	ctx, err := zmq.NewContext()
	if err == nil {
		findPoller(ctx)
	}
	return ctx, err
})

// newContext is the context for a socket: the shared one for inproc, and otherwise one of
// the socket's own, because ending a context is the only way to wait until libzmq has sent
// what lingers.
func newContext(c *carrier.Config) (ctx *zmq.Context, private bool, err error) {
	for _, a := range append(c.Bind[:len(c.Bind):len(c.Bind)], c.Connect...) {
		if strings.HasPrefix(a, "inproc:") {
			ctx, err = shared()
			return ctx, false, err
		}
	}
	ctx, err = zmq.NewContext()
	return ctx, true, err
}

// system turns libzmq's errors that are the system's into syscall.Errno, for errors.Is.
func system(err error) error {
	if e, ok := err.(zmq.Errno); ok && e < zmq.EFSM {
		return syscall.Errno(e)
	}
	return err
}

// addressError translates the errors of bind and connect.
func addressError(verb, address string, err error) error {
	err = system(err)
	switch {
	case errors.Is(err, carrier.ErrAddress):
		return fmt.Errorf("cannot %s %q: %w", verb, address, err)
	case errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.EPROTONOSUPPORT), errors.Is(err, zmq.ENOCOMPATPROTO):
		return fmt.Errorf("%w: cannot %s %q: %w", carrier.ErrAddress, verb, address, err)
	case errors.Is(err, syscall.ENODEV), errors.Is(err, syscall.EADDRNOTAVAIL), errors.Is(err, syscall.EAFNOSUPPORT):
		return fmt.Errorf("%w: cannot %s %q: this machine has no such interface or address", carrier.ErrAddress, verb, address)
	}
	return fmt.Errorf("cannot %s %q: %w", verb, address, err)
}
