package backbone

import (
	"errors"

	"github.com/nats-io/nats.go"

	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/linkmessage"
	"github.com/hermes-zmq/hermes/internal/lru"
	"github.com/hermes-zmq/hermes/internal/natssubject"
)

// sender is the goroutine that publishes what waits in the outqueue. It alone numbers what the
// site sends. While NATS is away it drops.
type sender struct {
	queue    *outqueue
	conn     *nats.Conn
	space    natssubject.Space
	run      uint64 // of this site
	number   uint64 // of the last NATS message
	subjects lru.Table[string]
	scratch  []byte
}

// The subjects that are kept, so that they are not made anew for each NATS message.
const (
	maxSubjects     = 16 << 10
	maxSubjectBytes = 2 << 20
)

// work ends when stop is closed.
func (s *sender) work(stop <-chan struct{}) {
	s.subjects.MaxKeys, s.subjects.MaxBytes = maxSubjects, maxSubjectBytes
	var taken []*chunk
	for {
		select {
		case <-stop:
			return
		case <-s.queue.some:
		}
		taken = s.queue.take(taken)
		for i, c := range taken {
			taken[i] = nil
			s.queue.settle(c, s.publish(c))
		}
	}
}

// publish publishes a chunk.
func (s *sender) publish(c *chunk) (n outCounts) {
	start := 0
	for _, i := range c.items {
		data := c.buf[start:i.end:i.end]
		start = i.end
		count := uint64(i.messages)
		switch err := s.publishOne(data); {
		case err == nil:
			n.out += count
			n.outBytes += uint64(len(data) - linkmessage.HeaderSize)
		case errors.Is(err, nats.ErrMaxPayload):
			n.long += count
		default:
			n.disconnected += count
		}
	}
	return n
}

func (s *sender) publishOne(data []byte) error {
	if !s.conn.IsConnected() {
		return nats.ErrDisconnected
	}
	if int64(len(data)) > s.conn.MaxPayload() {
		return nats.ErrMaxPayload
	}
	linkmessage.Finish(data, linkmessage.Header{Run: s.run, Number: s.number + 1})
	err := s.conn.Publish(s.subject(batch.Topic(data[linkmessage.HeaderSize:])), data)
	if err == nil {
		s.number++
	}
	return err
}

// subject is that of a topic.
func (s *sender) subject(topic []byte) string {
	subject, known, _ := s.subjects.Find(topic)
	if !known {
		s.scratch = s.space.AppendSubject(s.scratch[:0], topic)
		*subject = string(s.scratch)
	}
	return *subject
}
