package admission

import (
	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/streamtable"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// gapDetector remembers the last number of every stream: one topic of one incarnation of
// one sender. A stream that it has forgotten begins anew, so forgetting never looks like a
// loss.
type gapDetector struct {
	hash    streamtable.Hash
	streams *streamtable.Generations
	recent  [256]recentStream
	ahead   streamtable.Ahead
}

// recentStream is a stream noted lately, in the slot of its wire.Parts.Stream: as a rule
// envelopes belong to one of few streams. Streams with the same slot displace each other.
type recentStream struct {
	stream uint64
	key    streamtable.Key
}

func (g *gapDetector) reset() {
	if g.streams == nil {
		g.hash = streamtable.NewHash()
	}
	g.streams = streamtable.NewGenerations(streamtable.Most)
}

// begin gets ready for a batch, whose messages may be of any kind.
func (g *gapDetector) begin(b *batch.Batch) {
	if !g.ahead.Begin(b.Len()) {
		return
	}
	for i := range b.Len() {
		msg := b.Message(i)
		names, _ := wire.NamesOf(msg)
		g.ahead.Add(g.hash.Key(names).Of(wire.IncarnationOf(msg)))
	}
	g.ahead.Fetch(g.streams.Young())
}

// end is the end of a batch.
func (g *gapDetector) end(b *batch.Batch) { g.ahead.End(b.Len()) }

// note takes in the number of message i of the batch, and tells how many before it are missing,
// or whether it has been seen already. Numbers wrap around.
func (g *gapDetector) note(i int, p *wire.Parts) (lost uint32, duplicate bool) {
	key, ready := g.ahead.Key(i)
	if !ready {
		key = g.key(p)
	}
	last, known := g.streams.Find(key.Of(p.Sequence.Incarnation))
	number := p.Sequence.Number
	if !known {
		*last = number
		return 0, false
	}
	step := number - *last
	if int32(step) <= 0 {
		return 0, true
	}
	*last = number
	return step - 1, false
}

// key is that of the stream of an envelope.
func (g *gapDetector) key(p *wire.Parts) streamtable.Key {
	r := &g.recent[p.Stream%uint64(len(g.recent))]
	if p.Stream != 0 && r.stream == p.Stream {
		return r.key
	}
	g.ahead.Missed()
	*r = recentStream{p.Stream, g.hash.Key(p.Names)}
	return r.key
}
