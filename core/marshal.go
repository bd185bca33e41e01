package core

import (
	"github.com/hermes-zmq/hermes/internal/embed"
	"github.com/hermes-zmq/hermes/internal/sendqueue"
)

// TryPublishMarshal queues envelopes, given as what Python's marshal.dumps(rows, 2) writes of
// a list of tuples (topic, origin, data). It never waits, and tells how many were
// queued before the first one that was not; the error says why, as with TryPublish. What the
// format cannot carry is EJSON.
func (p *Publisher) TryPublishMarshal(values []byte) (int, error) {
	return embed.EachRow(values, func(topic, origin, data []byte) error {
		if err := p.checkSize(len(topic) + len(origin) + len(data)); err != nil {
			return err
		}
		full, err := put(p, topic, origin, data, sendqueue.Form{Encoded: true})
		if full != nil {
			return errorf(ETIMEOUT, "the queue of %s is full for now", p.who())
		}
		return err
	})
}
