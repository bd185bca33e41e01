package embed

import (
	"github.com/hermes-zmq/hermes/internal/errs"
	"github.com/hermes-zmq/hermes/internal/sendqueue"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// PublisherOf finds the Publisher of a *core.Publisher. Package core sets it.
var PublisherOf func(publisher any) *Publisher

// Publisher is the embedding side of one publisher. All methods may be called from any
// thread; SetStager comes before the first start.
type Publisher struct {
	queue     *sendqueue.Queue
	origin    []byte // its own, a JSON value
	tryPut    func(topic, origin, data []byte) error
	putFrames func(topic, origin, data, time []byte) error
}

// Init makes it ready. origin is that of envelopes without one, a JSON value. tryPut queues one envelope, given as JSON values, without a wait;
// ETIMEOUT where the queue is full. putFrames is PublishFrames.
func (p *Publisher) Init(q *sendqueue.Queue, origin []byte, tryPut func(topic, origin, data []byte) error, putFrames func(topic, origin, data, time []byte) error) {
	p.queue, p.origin, p.tryPut, p.putFrames = q, origin, tryPut, putFrames
}

// PublishFrames queues an envelope whose frames were valid when it was received, and waits for
// room as Publish does. They are sent as they are where the option sequence is off. A nil time is
// that of sending.
func (p *Publisher) PublishFrames(topic, origin, data, time []byte) error {
	return p.putFrames(topic, origin, data, time)
}

// PublishTraced queues an envelope that carries a trace context, as core.Publisher.PublishTraced does. A nil
// origin stands for the publisher's name.
func (p *Publisher) PublishTraced(topic, origin, data []byte, traceparent string) error {
	time, err := wire.TimeWithContext(traceparent, nil)
	if err != nil {
		return errs.Errorf(errs.EINVAL, "the traceparent %.80q is %w", traceparent, err)
	}
	encodedTopic, err := wire.AppendString(nil, topic)
	if err != nil {
		return errs.Text("the topic", err)
	}
	from := p.origin
	if origin != nil {
		if from, err = wire.AppendString(nil, origin); err != nil {
			return errs.Text("the origin", err)
		}
	}
	if !wire.Valid(data) {
		return errs.Errorf(errs.EJSON, "the data is %w: %.80q", wire.ErrJSON, data)
	}
	return p.putFrames(encodedTopic, from, data, time)
}

// SetStager gives the publisher a staging buffer.
func (p *Publisher) SetStager(s sendqueue.Stager) { p.queue.SetStager(s) }

// TryPublishMarshal queues envelopes, given as what Python's marshal.dumps(rows, 2) writes of
// a list of tuples (topic, origin, data). It never waits, and tells how many were queued
// before the first one that was not; the error says why: ETIMEOUT where the queue is full,
// EJSON for what the format cannot carry.
func (p *Publisher) TryPublishMarshal(values []byte) (int, error) { return EachRow(values, p.tryPut) }
