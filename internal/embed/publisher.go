package embed

import "github.com/hermes-zmq/hermes/internal/sendqueue"

// PublisherOf finds the Publisher of a *core.Publisher. Package core sets it.
var PublisherOf func(publisher any) *Publisher

// Publisher is the embedding side of one publisher. All methods may be called from any
// thread; SetStager comes before the first start.
type Publisher struct {
	queue *sendqueue.Queue
	try   func(topic, origin, data []byte) error
}

// Init is called by the publisher itself. try queues one envelope without waiting; topic and
// origin are JSON values, and the data is a valid one.
func (p *Publisher) Init(queue *sendqueue.Queue, try func(topic, origin, data []byte) error) {
	p.queue, p.try = queue, try
}

// SetStager gives a new publisher a staging buffer.
func (p *Publisher) SetStager(s sendqueue.Stager) { p.queue.SetStager(s) }

// TryPublishRows queues envelopes, given as what Python's marshal.dumps(rows, 2) writes of a
// list of tuples (topic, origin, data). It never waits, and tells how many were queued before
// the first one that was not; the error says why, as with core.Publisher.TryPublish. What
// the format cannot carry is EJSON.
func (p *Publisher) TryPublishRows(values []byte) (int, error) { return EachRow(values, p.try) }
