package durable

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/hermes-zmq/hermes/internal/batch"
)

// warm fills the cache of last values with the newest message of each subject, as far as the
// position goes: later ones are delivered in the session that follows. It does so once in each
// run of the post office, whose cache is empty at its beginning.
func (r *receiver) warm(ctx context.Context, st jetstream.Stream, runs uint64) error {
	if r.s.cfg.Keep == nil || runs == r.warmed {
		return nil
	}
	c := consumerConfig()
	c.DeliverPolicy, c.FilterSubject = jetstream.DeliverLastPerSubjectPolicy, r.stream.filter
	wait, cancel := r.l.request(ctx)
	defer cancel()
	consumer, err := st.CreateConsumer(wait, c)
	if err != nil {
		return fmt.Errorf("cannot read the last values of the stream %s: %w", r.stream.name, err)
	}
	defer r.l.deleteConsumer(r.s.ctx, st, consumer.CachedInfo().Name)
	if consumer.CachedInfo().NumPending == 0 {
		r.warmed = runs
		return nil
	}
	values, err := consumer.Messages(r.limits(), jetstream.PullHeartbeat(heartbeat), jetstream.WithMessagesErrOnMissingHeartbeat(true))
	if err != nil {
		return fmt.Errorf("cannot read the last values of the stream %s: %w", r.stream.name, err)
	}
	defer values.Stop()
	for left := true; left; {
		if left, err = r.keep(ctx, values); err != nil {
			return fmt.Errorf("reading the last values of the stream %s ends: %w", r.stream.name, err)
		}
	}
	r.warmed = runs
	return nil
}

// keep puts one batch into the cache. left reports whether there is more.
func (r *receiver) keep(ctx context.Context, values jetstream.MessagesContext) (left bool, err error) {
	b := batch.Get()
	defer b.Release()
	for left = true; left && !b.Full(); {
		m, err := values.Next(jetstream.NextContext(ctx))
		if err != nil {
			return false, err
		}
		meta, err := m.Metadata()
		if err != nil {
			return false, err
		}
		left = meta.NumPending > 0
		late := r.known && meta.Sequence.Stream > r.at.Last || !r.known && !meta.Timestamp.Before(r.start)
		msg := m.Data()
		topic := batch.Topic(msg)
		if !late && wellFormed(msg) && r.s.Match(topic) && (r.s.cfg.Admit == nil || r.s.cfg.Admit(topic)) {
			b.AppendMessage(msg)
		}
	}
	if b.Len() > 0 && !r.s.cfg.Keep(b) {
		return false, errors.New("the post office does not run")
	}
	return left, nil
}
