package durable

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/hermes-zmq/hermes/internal/errs"
	"github.com/hermes-zmq/hermes/internal/safe"
)

// line is the connection to NATS, as sender and receivers see it. It has no state of its own.
type line struct {
	nc *nats.Conn
	js jetstream.JetStream
}

// looked is how often the state of the connection is looked at, while there is nothing else to
// do. Nothing depends on it but how soon work goes on.
const looked = 50 * time.Millisecond

// Pauses after a failure: the first, and the longest, of those that double.
const (
	firstPause   = 50 * time.Millisecond
	longestPause = 5 * time.Second
)

func newLine(s *Site, nc *nats.Conn) (*line, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, errs.Errorf(errs.EINTERNAL, "durable topics of site %q: %w", s.cfg.Name, err)
	}
	return &line{nc: nc, js: js}, nil
}

// await waits until NATS is connected. ok is false where ctx has ended.
func (l *line) await(ctx context.Context) (ok bool) {
	for !l.nc.IsConnected() {
		if !sleep(ctx, looked) {
			return false
		}
	}
	return ctx.Err() == nil
}

// connection numbers the connections: another number says that the former one has ended.
func (l *line) connection() uint64 { return l.nc.Stats().Reconnects }

// gone reports whether the connection of this number has ended.
func (l *line) gone(number uint64) bool { return !l.nc.IsConnected() || l.connection() != number }

// request is a context for one request to JetStream, whose answer does not come any more where the
// connection is lost. cancel waits for the goroutine that looks at the connection.
func (l *line) request(ctx context.Context) (_ context.Context, cancel func()) {
	ctx, end := context.WithTimeout(ctx, requestTimeout)
	connection := l.connection()
	ended := make(chan struct{})
	safe.Go(nil, func() {
		defer close(ended)
		for sleep(ctx, looked) {
			if l.gone(connection) {
				end()
			}
		}
	})
	return ctx, func() { end(); <-ended }
}

// sleep waits, unless ctx ends before.
func sleep(ctx context.Context, d time.Duration) (ok bool) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// pause is the time between attempts of one goroutine.
type pause struct{ next time.Duration }

// wait waits, each time longer.
func (p *pause) wait(ctx context.Context) bool {
	p.next = min(max(2*p.next, firstPause), longestPause)
	return sleep(ctx, p.next)
}

func (p *pause) reset() { p.next = 0 }
