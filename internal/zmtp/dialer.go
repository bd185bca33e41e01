package zmtp

import (
	"context"
	"errors"
	"time"

	"github.com/hermes-zmq/hermes/internal/carrier"
	"github.com/hermes-zmq/hermes/internal/errno"
	"github.com/hermes-zmq/hermes/internal/inproc"
)

// dialer connects a socket to one address, again and again, until the socket is closed.
// One goroutine runs it, and serves the connection as well.
type dialer struct {
	s     *socket
	to    endpoint
	pause backoff

	suspect carrier.Cause // that of the last attempt; see Fault.Suspect

	listener uint64 // the last one that was reached within this process
}

func newDialer(s *socket, to endpoint) *dialer {
	return &dialer{s: s, to: to, pause: backoff{min: s.cfg.ReconnectMin, max: s.cfg.ReconnectMax}}
}

func (d *dialer) run() {
	for {
		began := time.Now()
		ready, err := d.connect()
		if d.s.closed.Load() {
			return
		}
		// A peer that accepts connections only to drop them does not shorten the pause.
		if ready && time.Since(began) > d.pause.now {
			d.pause.reset()
		}
		err = d.confirm(err)
		d.s.emitUnlessClosed(carrier.Event{Kind: carrier.Retrying, Address: d.to.Text}.WithError(err))
		if d.rest(); d.s.closed.Load() {
			return
		}
	}
}

// rest waits before the next attempt. A name of this process is dialled as soon as it is bound, or bound anew.
func (d *dialer) rest() {
	var bound <-chan struct{}
	if d.to.network == "inproc" {
		var done func()
		bound, done = inproc.Await(d.to.Rest, d.listener)
		defer done()
	}
	select {
	case <-time.After(d.pause.next()):
	case <-bound:
		d.pause.reset()
	case <-d.s.ctx.Done():
	}
}

// confirm makes the cause that an error suggests the cause, if the last attempt suggested the
// same.
func (d *dialer) confirm(err error) error {
	var f *carrier.Fault
	if !errors.As(err, &f) || f.Suspect == carrier.CauseOther {
		d.suspect = carrier.CauseOther
		return err
	}
	if d.suspect == f.Suspect {
		confirmed := *f
		confirmed.Cause = f.Suspect
		return &confirmed
	}
	d.suspect = f.Suspect
	return err
}

// connect connects and serves the connection. The error says why there is none, or why
// it ended.
func (d *dialer) connect() (ready bool, err error) {
	ctx, cancel := context.WithTimeout(d.s.ctx, d.s.cfg.HandshakeTimeout)
	nc, err := d.to.dial(ctx)
	cancel()
	if err != nil {
		if !errno.Exhausted(err) {
			d.s.shortage.resolve(d.to.Text)
		}
		d.s.shortage.report("cannot connect", d.to.Text, err)
		return false, err
	}
	d.s.shortage.resolve(d.to.Text)
	if c, is := nc.(*inproc.Conn); is {
		d.listener = c.Listener()
	}
	return d.s.serve(nc, d.to.dialled())
}
