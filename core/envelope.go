package core

import (
	"fmt"

	"github.com/hermes-zmq/hermes/internal/option"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// Envelope is what travels: data under a topic, from an origin.
type Envelope struct {
	// Topic and Origin of an envelope whose sender used no strings, as Python programs
	// may, are the JSON texts of what it used.
	Topic  string
	Origin string
	Data   []byte // one JSON value
	// TS is when the sender handed it to its socket, by the sender's clock, and
	// Received when it arrived, by ours: seconds since the Unix epoch. Where the sender
	// does not say when, both are the same.
	TS, Received float64
	// Lost is how many envelopes of the same topic and sender went missing right
	// before this one. It is 0 where the sender does not number them.
	Lost uint32
	// TraceParent is what PublishTraced was given, in the form of W3C Trace Context; it is empty in
	// most envelopes.
	TraceParent string
}

// Decode decodes the data into a Go value, as encoding/json would. A struct that
// embeds Message is filled from a message's slots. NaN and the infinities, which
// Python writes, are EJSON: no Go decoder takes them.
func (e *Envelope) Decode(v any) error { return loadData(e.Topic, e.Data, v) }

// checkTime refuses the JSON text of a time for which every receiver would drop the envelope as malformed,
// unless the option times allows any; nil stands for the time of sending.
func checkTime(text []byte, times *option.Choice) error {
	if text == nil || times.Is("any") {
		return nil
	}
	if _, _, _, ok := wire.ParseTime(text); !ok {
		return fmt.Errorf("its time, %s, is neither a number nor the text of one: pass the seconds since the Unix epoch, or null for the time of sending", excerpt(text))
	}
	return nil
}
