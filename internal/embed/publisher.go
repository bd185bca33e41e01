package embed

import "github.com/hermes-zmq/hermes/internal/sendqueue"

// PublisherOf finds the Publisher of a *core.Publisher. Package core sets it.
var PublisherOf func(publisher any) *Publisher

// Publisher is the embedding side of one publisher. All methods may be called from any
// thread; SetStager comes before the first start.
type Publisher struct {
	queue     *sendqueue.Queue
	tryPut    func(topic, origin, data []byte) error
	putFrames func(topic, origin, data, time []byte) error
}

// Init makes it ready. tryPut queues one envelope, given as JSON values, without a wait;
// ETIMEOUT where the queue is full. putFrames is PublishFrames.
func (p *Publisher) Init(q *sendqueue.Queue, tryPut func(topic, origin, data []byte) error, putFrames func(topic, origin, data, time []byte) error) {
	p.queue, p.tryPut, p.putFrames = q, tryPut, putFrames
}

// PublishFrames queues an envelope whose frames were valid when it was received, and waits for
// room as Publish does. They are sent as they are where the option sequence is off. A nil time is
// that of sending.
func (p *Publisher) PublishFrames(topic, origin, data, time []byte) error {
	return p.putFrames(topic, origin, data, time)
}

// SetStager gives the publisher a staging buffer.
func (p *Publisher) SetStager(s sendqueue.Stager) { p.queue.SetStager(s) }

// TryPublishMarshal queues envelopes, given as what Python's marshal.dumps(rows, 2) writes of
// a list of tuples (topic, origin, data). It never waits, and tells how many were queued
// before the first one that was not; the error says why: ETIMEOUT where the queue is full,
// EJSON for what the format cannot carry.
func (p *Publisher) TryPublishMarshal(values []byte) (int, error) { return EachRow(values, p.tryPut) }
