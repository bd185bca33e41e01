package telemetry

import (
	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/clock"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// Envelope makes an envelope of three JSON values, with the time of now and without a number, in a
// batch of its own. The caller releases it.
func Envelope(topic, origin, data []byte) *batch.Batch {
	b := batch.Get()
	wire.AppendEntry(b, wire.Entry{Topic: topic, Origin: origin, Data: data}, false)
	wire.Stamp(b, clock.TimeOfDay().UnixMicro(), false)
	return b
}
