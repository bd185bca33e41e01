package durable

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// receiver reads one stream, in order, and gives its messages to the post office. It reads
// through a consumer that JetStream forgets; one is made for each session, which begins behind
// the position, and ends when the connection does, or anything goes wrong.
//
// The goroutine run has all fields, but mu guards what is below it. Close uses them when it has ended.
type receiver struct {
	s      *Site
	l      *line
	stream *stream
	start  time.Time // a site without a position begins here

	known     bool   // at is the site's position
	uncertain uint64 // messages up to this one may have been delivered before the site was killed
	warmed    uint64 // Site.runs, when the cache was filled

	held, mostHeld atomic.Int64 // bytes of messages that were fetched and not looked at, now and at most

	mu      sync.Mutex
	at      position
	saved   position
	reached time.Time // when the last message that was delivered was stored
	all     bool      // everything was delivered that was stored by then, and a session goes on
}

// Bounds of what is fetched ahead.
const (
	fetchMessages = 1024
	fetchBytes    = 16 << 20
	// idle is how long JetStream keeps a consumer that no longer reads.
	idle      = 30 * time.Second
	heartbeat = 5 * time.Second
	// holdLook is how often a receiver looks whether what it has fetched was taken.
	holdLook = time.Millisecond
)

func newReceiver(s *Site, l *line, st *stream) *receiver {
	return &receiver{s: s, l: l, stream: st, start: time.Now()}
}

// unsaved is the position, and whether it has changed since it was saved.
func (r *receiver) unsaved() (p position, changed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.at, r.at != r.saved
}

func (r *receiver) noteSaved(p position) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p.Clean = false
	r.saved = p
}

func (r *receiver) moveTo(p position) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at = p
}

// progress is when the last message that was delivered was stored, and whether everything was.
func (r *receiver) progress() (reached time.Time, all bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reached, r.all
}

// delivered is the last message of the stream that was delivered, or never will be.
func (r *receiver) delivered() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.at.Last
}

// noteProgress changes it; a zero time leaves that as it is.
func (r *receiver) noteProgress(reached time.Time, all bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all = all; !reached.IsZero() {
		r.reached = reached
	}
}

// run reads until Close, one session after another.
func (r *receiver) run() {
	what := "receiver of " + r.stream.Prefix
	var p pause
	for r.l.await(r.s.ctx) {
		before := r.at.Last
		err := r.session(func() { r.s.problem(what, "") })
		if r.s.ctx.Err() != nil {
			return
		}
		if err == nil || r.at.Last != before {
			p.reset()
		}
		if err != nil && r.l.nc.IsConnected() {
			r.s.problem(what, err.Error())
		}
		if !p.wait(r.s.ctx) {
			return
		}
	}
}

// session reads from the position on, until it cannot go on. works is called when it has begun.
func (r *receiver) session(works func()) error {
	ctx, cancel := context.WithCancel(r.s.ctx)
	defer cancel()
	connection, runs := r.l.connection(), r.s.runs.Load()
	st, err := r.find(ctx)
	if err != nil {
		return err
	}
	if err := r.warm(ctx, st, runs); err != nil {
		return err
	}
	consumer, err := r.consumer(ctx, st)
	if err != nil {
		return err
	}
	r.noteProgress(time.Time{}, consumer.CachedInfo().NumPending == 0)
	defer r.noteProgress(time.Time{}, false)
	in := make(chan jetstream.Msg, fetchMessages)
	r.held.Store(0)
	failed := make(chan error, 1)
	fetch, err := consumer.Consume(func(m jetstream.Msg) {
		if r.hold(ctx, len(m.Data())) {
			select {
			case in <- m:
			case <-ctx.Done():
			}
		}
	}, r.limits(), jetstream.PullHeartbeat(heartbeat), jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) {
		select {
		case failed <- err:
		default:
		}
	}))
	if err != nil {
		return fmt.Errorf("cannot read the stream %s: %w", r.stream.name, err)
	}
	defer func() {
		cancel()
		fetch.Stop()
		<-fetch.Closed()
	}()
	works()
	return r.read(ctx, in, failed, func() bool { return r.l.gone(connection) || r.s.runs.Load() != runs })
}

// hold waits until fewer than fetchBytes are held, and adds a message to them. It reports false where
// ctx has ended.
func (r *receiver) hold(ctx context.Context, size int) bool {
	for r.held.Load() >= fetchBytes {
		if !sleep(ctx, holdLook) {
			return false
		}
	}
	if n := r.held.Add(int64(size)); n > r.mostHeld.Load() {
		r.mostHeld.Store(n)
	}
	return true
}

// find makes the stream, and finds the position in it.
func (r *receiver) find(ctx context.Context) (jetstream.Stream, error) {
	st, err := r.stream.ensure(ctx, r.l)
	if err != nil {
		return nil, err
	}
	info := st.CachedInfo()
	p := r.at
	if !r.known {
		if err := r.ensurePositions(ctx); err != nil {
			return nil, err
		}
		if p, r.known, err = r.load(ctx); err != nil {
			return nil, err
		}
		if r.known && !p.Clean {
			r.uncertain = info.State.LastSeq
		}
		p.Clean = false
	}
	last := info.State.LastSeq
	switch {
	case r.known && p == position{}: // it was lost
		r.uncertain = last
	case r.known && !p.Created.Equal(info.Created): // another stream, of which all is new
		p, r.uncertain = position{}, 0
	case p.Last > last: // a server that lost power may have lost the end of the stream
		r.uncertain = max(r.uncertain, p.Last)
		p.Last, p.Stored = last, time.Time{}
	default:
		turned, err := r.turned(ctx, st, p)
		if err != nil {
			return nil, err
		}
		if turned {
			next, err := r.firstAfter(ctx, st, p.Stored)
			if err != nil {
				return nil, err
			}
			p.Last, p.Stored = next-1, time.Time{}
		}
	}
	p.Created = info.Created
	r.moveTo(p)
	return st, nil
}

// consumer makes the consumer of a session. A site without a position gets one.
func (r *receiver) consumer(ctx context.Context, st jetstream.Stream) (jetstream.Consumer, error) {
	ctx, cancel := r.l.request(ctx)
	defer cancel()
	c := consumerConfig()
	if r.known {
		c.DeliverPolicy, c.OptStartSeq = jetstream.DeliverByStartSequencePolicy, r.at.Last+1
	} else {
		c.DeliverPolicy, c.OptStartTime = jetstream.DeliverByStartTimePolicy, &r.start
	}
	consumer, err := st.CreateConsumer(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("cannot read the stream %s: %w", r.stream.name, err)
	}
	if !r.known {
		p := r.at
		p.Last = consumer.CachedInfo().Delivered.Stream
		if err := r.store(ctx, p); err != nil {
			return nil, err
		}
		r.moveTo(p)
		r.known = true
	}
	return consumer, nil
}

func consumerConfig() jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{AckPolicy: jetstream.AckNonePolicy, MaxDeliver: 1, MemoryStorage: true, Replicas: 1, InactiveThreshold: idle}
}

// limits bound what is fetched ahead; one message always fits.
func (r *receiver) limits() fetchLimits {
	return jetstream.PullMaxMessagesWithBytesLimit(fetchMessages, max(fetchBytes, 2*int(r.l.nc.MaxPayload())))
}

// fetchLimits are for both ways to read.
type fetchLimits interface {
	jetstream.PullConsumeOpt
	jetstream.PullMessagesOpt
}

// read delivers what comes in, until over reports true, ctx ends, or it cannot go on.
func (r *receiver) read(ctx context.Context, in <-chan jetstream.Msg, failed <-chan error, over func() bool) error {
	ticker := time.NewTicker(looked)
	defer ticker.Stop()
	next := uint64(1) // number of the next message of this consumer
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return fmt.Errorf("reading the stream %s ends: %w", r.stream.name, err)
		case <-ticker.C:
			if over() {
				return nil
			}
		case m := <-in:
			if err := r.deliver(ctx, m, in, &next); err != nil {
				return err
			}
		}
	}
}

// deliver gives the post office a message and those that are there behind it, and moves the
// position. next is the number of m within the consumer.
func (r *receiver) deliver(ctx context.Context, m jetstream.Msg, in <-chan jetstream.Msg, next *uint64) (err error) {
	b := batch.Get()
	defer b.Release()
	last := r.at
	var stored time.Time
	var pending uint64
	for more := true; more && err == nil; {
		var meta *jetstream.MsgMetadata
		if meta, err = m.Metadata(); err == nil && meta.Sequence.Consumer != *next {
			err = errors.New("a message is missing between two of JetStream")
		}
		if err != nil {
			break
		}
		*next++
		stored, pending = meta.Timestamp, meta.NumPending
		last.Last, last.Stored = meta.Sequence.Stream, stored
		r.take(b, m.Headers(), m.Data(), last.Last <= r.uncertain)
		r.held.Add(-int64(len(m.Data())))
		if more = !b.Full(); more {
			select {
			case m = <-in:
			default:
				more = false
			}
		}
	}
	for b.Len() > 0 && !r.s.cfg.Deliver(b) {
		if !sleep(ctx, looked) {
			return nil // it comes again
		}
	}
	r.s.in.Add(uint64(b.Len()))
	r.s.inBytes.Add(uint64(b.Size()))
	r.moveTo(last)
	r.noteProgress(stored, pending == 0 && err == nil)
	return err
}

// take adds a message to a batch if the site is to deliver it. An uncertain one is marked as one of
// a cache, so that receivers that have it already do not take it for new.
func (r *receiver) take(b *batch.Batch, h nats.Header, msg []byte, uncertain bool) {
	topic := batch.Topic(msg)
	switch {
	case h.Get(headerSite) == r.s.token:
		return
	case !wellFormed(msg) || !r.s.Match(topic):
		r.s.malformed.Add(1)
		return
	case r.s.cfg.Admit != nil && !r.s.cfg.Admit(topic):
		r.s.denied.Add(1)
		return
	case r.s.seen.note(msg, []byte(h.Get(headerID))):
		r.s.duplicates.Add(1)
		return
	}
	if uncertain {
		if at, ok := wire.TimeAt(msg); ok {
			b.Buf = wire.AppendMarked(b.Buf, msg, at)
			b.EndMessage()
			return
		}
	}
	b.AppendMessage(msg)
}
