package zmtp

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

// backoff is the pause between attempts: it doubles up to a bound, and is spread so
// that peers that lost the same server do not come back all at once.
type backoff struct {
	min, max, now time.Duration
}

func (b *backoff) reset() { b.now = 0 }

// next is the pause before the next attempt: between half of the current bound and
// all of it, and never less than the minimum.
func (b *backoff) next() time.Duration {
	if b.now == 0 {
		b.now = b.min
	} else {
		b.now = min(2*b.now, b.max)
	}
	return max(b.min, b.now/2+rand.N(b.now/2+1))
}

// keepDialling holds a connection to one address, again and again, until the socket
// is closed.
func (s *socket) keepDialling(a endpoint) {
	pause := backoff{min: s.cfg.ReconnectMin, max: s.cfg.ReconnectMax}
	for {
		began := time.Now()
		ready, err := s.dialOnce(a)
		if s.closed.Load() {
			return
		}
		if ready && time.Since(began) > pause.now { // else the peer takes us only to drop us
			pause.reset()
		}
		s.tellUnlessClosed(carrier.Event{Kind: carrier.Retrying, Address: a.Text}.WithError(err))
		select {
		case <-time.After(pause.next()):
		case <-s.ctx.Done():
			return
		}
	}
}

// dialOnce connects and lives through the connection. The error says why there is
// none, or none any more.
func (s *socket) dialOnce(a endpoint) (ready bool, err error) {
	ctx, cancel := context.WithTimeout(s.ctx, s.cfg.HandshakeTimeout)
	nc, err := a.dial(ctx)
	cancel()
	if err != nil {
		if !exhausted(err) {
			s.enough(a.Text)
		}
		s.short("cannot connect", a.Text, err)
		return false, err
	}
	s.enough(a.Text)
	return s.serve(nc, a.Text)
}
