package recording

import (
	"time"

	"github.com/hermes-zmq/hermes/internal/wire"
)

// Put records a message in ZMTP framing that did not come from a receiver, at the time at which it was stored.
// It reports false for what is no envelope. What is missing the numbers of the envelopes tell. It is called by one
// goroutine, in place of the tap.
func (r *Recorder) Put(message []byte, at time.Time) bool {
	g := &r.numbers
	var p wire.Parts
	var f Frames
	if err := p.Split(message, &g.memo); err != nil || !f.split(message) {
		return false
	}
	lost := uint32(0)
	if p.Numbered {
		if g.last == nil {
			g.last = map[string]uint32{}
		}
		key := g.keyOf(p.Topic, p.Origin, p.Sequence.Incarnation)
		last, known := g.last[key]
		if step := p.Sequence.Number - last; !known || int32(step) > 0 {
			g.last[key] = p.Sequence.Number
			if known {
				lost = step - 1
			}
		}
	}
	r.input.add(message, item{lost: lost, received: float64(at.UnixMicro()) / 1e6})
	return true
}

// Message is the frames as one message in ZMTP framing.
func (f *Frames) Message() []byte { return f.appendTo(nil) }
