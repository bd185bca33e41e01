package core

import (
	"time"

	"github.com/hermes-zmq/hermes/internal/deadline"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// Event is something that happened to a Component.
type Event struct {
	TS      float64 `json:"ts"`                // seconds since the Unix epoch
	Kind    string  `json:"kind"`              // started, stopped, connected, denied, lost, ...: docs/counters.md lists all
	Level   string  `json:"level"`             // info, warning, error
	Text    string  `json:"text"`              // for people
	Address string  `json:"address,omitempty"` // of the endpoint or peer concerned
	Peer    uint64  `json:"peer,omitempty"`    // number of the connection
	Count   uint64  `json:"count,omitempty"`   // how many times, where several were put together; of lost, how many envelopes
	Topic   string  `json:"topic,omitempty"`   // of lost: the last stream that had a gap; of slow: that of the envelope that was too old
	Origin  string  `json:"origin,omitempty"`
}

// JSON is the event as one JSON object.
func (e Event) JSON() []byte {
	text, err := wire.Marshal(e)
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	return text
}

// NextEvent implements Component.
func (c *component) NextEvent(timeout time.Duration) (Event, error) {
	d := deadline.After(timeout)
	defer d.Stop()
	for {
		if e, ok := c.events.Take(); ok {
			return Event(e), nil
		}
		if c.idle.IsOpen() {
			if e, ok := c.events.Take(); ok { // the last one came in between
				return Event(e), nil
			}
			return Event{}, c.stopped()
		}
		select {
		case <-c.events.Some().Opened():
		case <-c.idle.Opened():
		case <-d.C:
			return Event{}, errorf(ETIMEOUT, "nothing happened to %s", c.who())
		}
	}
}
