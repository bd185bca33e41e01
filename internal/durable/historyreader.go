package durable

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/hermes-zmq/hermes/internal/batch"
)

// historyReader reads the streams of a site for one receiver, one after another. One goroutine uses
// it.
//
// The goal of a Mark is the last message of each stream, once everything that was sent before the
// Mark is acknowledged. What came from other sites was in its stream before it was sent here.
//
// A message of another site is given when the site's own receiver has delivered it, or it would come
// once more; so is everything before the position from which that receiver began.
type historyReader struct {
	h      *History
	parts  []*historyPart
	now    int // which part is read
	marked bool
}

const (
	// patience is how long a reader tries again without success while NATS is away, and waits for what does not
	// go on, and longPatience how long it tries while NATS is there: after a kill of servers, JetStream needs longer.
	patience     = 10 * time.Second
	longPatience = 30 * time.Second
	// stalled is how long a consumer may give nothing although there is something; then another one
	// is made. The client notices a consumer that has vanished only while it waits longer than we do.
	stalled = time.Second
	// historyIdle is how long JetStream keeps the consumer of a receiver that takes nothing; then
	// another one is made.
	historyIdle = 5 * time.Minute
	// historyMessages and historyBytes bound what is fetched ahead for one receiver; two of the
	// greatest messages always fit.
	historyMessages = 8192
	historyBytes    = 1 << 20
	// firstWait is how long to wait for a message before the stream is asked whether there is one,
	// and nextWait for another one for the same batch.
	firstWait = 5 * time.Millisecond
	nextWait  = 100 * time.Microsecond
)

// Mark implements carrier.HistoryReader.
func (r *historyReader) Mark() { r.marked = true }

// Next implements carrier.HistoryReader.
func (r *historyReader) Next(ctx context.Context) (*batch.Batch, time.Time, error) {
	var p pause
	for began := time.Now(); ; {
		b, reached, err := r.try(ctx)
		if err == nil || ctx.Err() != nil {
			return b, reached, err
		}
		for _, part := range r.parts {
			part.stop()
		}
		most := patience
		if r.h.s.sender.l.nc.IsConnected() {
			most = longPatience
		}
		if time.Since(began) > most || !p.wait(ctx) {
			return nil, time.Time{}, r.explain(err)
		}
	}
}

// explain says in place of what the client makes of it that NATS is away.
func (r *historyReader) explain(err error) error {
	if r.h.s.sender.l.nc.IsConnected() {
		return err
	}
	return errors.New("its post office is not connected to NATS, where history is stored: see that a NATS server runs, and then connect once more")
}

func (r *historyReader) try(ctx context.Context) (*batch.Batch, time.Time, error) {
	if r.marked {
		if err := r.setGoals(ctx); err != nil {
			return nil, time.Time{}, err
		}
		r.marked, r.now = false, 0
	}
	for ; r.now < len(r.parts); r.now++ {
		b, reached, err := r.parts[r.now].read(ctx)
		if len(r.parts) > 1 {
			reached = time.Time{} // other streams are not read so far
		}
		if b != nil || err != nil {
			return b, reached, err
		}
	}
	return nil, time.Time{}, nil
}

func (r *historyReader) setGoals(ctx context.Context) error {
	if err := r.h.settle(ctx); err != nil {
		return err
	}
	if err := r.h.s.stored(ctx); err != nil {
		return err
	}
	for _, part := range r.parts {
		if err := part.setGoal(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Pause implements carrier.HistoryReader: another consumer goes on.
func (r *historyReader) Pause() { r.Close() }

// Close implements carrier.HistoryReader. JetStream forgets a consumer that is not deleted.
func (r *historyReader) Close() {
	for _, part := range r.parts {
		part.close()
	}
}

// historyPart reads one stream, through a consumer that is made again where it fails.
type historyPart struct {
	s       *Site
	l       *line
	stream  *stream
	own     *receiver // of the site, or nil
	filters []string
	since   time.Time

	source   jetstream.Stream
	consumer string                    // its name
	messages jetstream.MessagesContext // of the consumer; nil: there is none
	expected uint64                    // number of the next message of the consumer
	next     uint64                    // sequence of the stream: everything before it is read; 0: read from since on
	goal     uint64                    // last sequence to read
}

// setGoal makes the last message of the stream the goal.
func (p *historyPart) setGoal(ctx context.Context) error {
	wait, cancel := p.l.request(ctx)
	defer cancel()
	st, err := p.l.js.Stream(wait, p.stream.name)
	if err != nil {
		return fmt.Errorf("cannot read the stream %s: %w", p.stream.name, err)
	}
	p.source, p.goal = st, st.CachedInfo().State.LastSeq
	return nil
}

// open makes a consumer.
func (p *historyPart) open(ctx context.Context) error {
	c := consumerConfig()
	c.FilterSubjects, c.InactiveThreshold = p.filters, historyIdle
	switch {
	case p.next > 0:
		c.DeliverPolicy, c.OptStartSeq = jetstream.DeliverByStartSequencePolicy, p.next
	case !p.since.IsZero():
		c.DeliverPolicy, c.OptStartTime = jetstream.DeliverByStartTimePolicy, &p.since
	default:
		c.DeliverPolicy = jetstream.DeliverAllPolicy
	}
	wait, cancel := p.l.request(ctx)
	defer cancel()
	consumer, err := p.source.CreateConsumer(wait, c)
	if err != nil {
		return fmt.Errorf("cannot read the stream %s: %w", p.stream.name, err)
	}
	ahead := jetstream.PullMaxMessagesWithBytesLimit(historyMessages, max(historyBytes, 2*int(p.l.nc.MaxPayload())))
	messages, err := consumer.Messages(ahead, jetstream.PullHeartbeat(heartbeat), jetstream.WithMessagesErrOnMissingHeartbeat(true))
	if err != nil {
		return fmt.Errorf("cannot read the stream %s: %w", p.stream.name, err)
	}
	info := consumer.CachedInfo()
	p.consumer, p.messages, p.expected = info.Name, messages, 1
	if p.next == 0 {
		p.next = info.Delivered.Stream + 1
	}
	return nil
}

// read gives the next messages, and nil where the goal is reached.
func (p *historyPart) read(ctx context.Context) (b *batch.Batch, reached time.Time, err error) {
	began := time.Now()
	for tried := began; ; {
		if p.messages == nil {
			if err := p.open(ctx); err != nil {
				return nil, time.Time{}, err
			}
			tried = time.Now()
		}
		first := p.next
		b, reached, err = p.fetch()
		if b != nil {
			if err = p.awaitDelivered(ctx); err != nil {
				b.Release()
				p.stop()
				b, p.next = nil, first
			}
		}
		if err != nil || b != nil {
			return b, reached, err
		}
		if over, err := p.isOver(ctx); over || err != nil {
			return nil, time.Time{}, err
		}
		switch now := time.Now(); { // the consumer has not heard yet of what is stored, or never will
		case now.Sub(began) > patience:
			return nil, time.Time{}, fmt.Errorf("cannot read the stream %s: its consumers give nothing", p.stream.name)
		case now.Sub(tried) > stalled:
			p.stop()
		}
	}
}

// awaitDelivered waits until the site has delivered what was fetched.
func (p *historyPart) awaitDelivered(ctx context.Context) error {
	if p.own == nil {
		return nil
	}
	err := awaitProgress(ctx, p.next-1, p.own.delivered)
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("this site has not received all of the stream %s so far", p.stream.name)
	}
	return err
}

// fetch gives some of what there is, or nil. It does not ask JetStream for a number of messages without
// waiting, because the client gives up answers after a second, and what they bring is lost.
func (p *historyPart) fetch() (b *batch.Batch, reached time.Time, err error) {
	wait := firstWait
	for b == nil || !b.Full() {
		m, meta, err := p.message(wait)
		if errors.Is(err, nats.ErrTimeout) {
			break
		}
		if err != nil && b != nil {
			p.stop() // what has come is in order, and another consumer goes on behind it
			break
		}
		if err != nil {
			return nil, time.Time{}, fmt.Errorf("cannot read the stream %s: %w", p.stream.name, err)
		}
		reached = meta.Timestamp
		if b == nil {
			b, wait = batch.Get(), nextWait
		}
		p.take(b, m)
	}
	return b, reached, nil
}

// message waits for the next message of the consumer, and moves on behind it.
func (p *historyPart) message(wait time.Duration) (m jetstream.Msg, meta *jetstream.MsgMetadata, err error) {
	if m, err = p.messages.Next(jetstream.NextMaxWait(wait)); err == nil {
		meta, err = m.Metadata()
	}
	if err == nil && meta.Sequence.Consumer != p.expected {
		err = errors.New("a message is missing between two of JetStream")
	}
	if err == nil {
		p.expected++
		p.next = meta.Sequence.Stream + 1
	}
	return m, meta, err
}

// stop ends the consumer, if there is one.
func (p *historyPart) stop() {
	if p.messages != nil {
		p.messages.Stop()
		p.messages = nil
	}
}

// take adds a message that the site would deliver, or has sent itself.
func (p *historyPart) take(b *batch.Batch, m jetstream.Msg) {
	msg := m.Data()
	topic := batch.Topic(msg)
	own := m.Headers().Get(headerSite) == p.s.token
	if wellFormed(msg) && p.s.Match(topic) && (own || p.s.cfg.Admit == nil || p.s.cfg.Admit(topic)) {
		b.AppendMessage(msg)
	}
}

// isOver reports whether nothing up to the goal is left to read. It asks the stream itself: a
// consumer hears later than the sender that a message is stored.
func (p *historyPart) isOver(ctx context.Context) (bool, error) {
	if p.next > p.goal {
		return true, nil
	}
	for _, f := range p.filters {
		wait, cancel := p.l.request(ctx)
		m, err := p.source.GetMsg(wait, p.next, jetstream.WithGetMsgSubject(f))
		cancel()
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound):
		case err != nil:
			return false, fmt.Errorf("cannot read the stream %s: %w", p.stream.name, err)
		case m.Sequence <= p.goal:
			return false, nil
		}
	}
	return true, nil
}

func (p *historyPart) close() {
	if p.messages == nil {
		return
	}
	p.stop()
	p.l.deleteConsumer(p.s.ctx, p.source, p.consumer)
}

// deleteConsumer deletes a consumer that is not needed any more, unless ctx has ended: JetStream forgets it by itself.
func (l *line) deleteConsumer(ctx context.Context, st jetstream.Stream, name string) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if ctx.Err() == nil && l.nc.IsConnected() {
		_ = st.DeleteConsumer(ctx, name)
	}
}
