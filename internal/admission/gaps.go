package admission

import (
	"encoding/binary"

	"github.com/hermes-zmq/hermes/internal/lru"
	"github.com/hermes-zmq/hermes/internal/wire"
)

// maxStreams and maxStreamBytes bound one generation of the table of a gap detector.
const (
	maxStreams     = 100_000
	maxStreamBytes = 32 << 20 // of topics and origins
)

// gapDetector remembers the last number of every stream: one topic of one incarnation of
// one sender. A stream that it has forgotten begins anew, so forgetting never looks like a
// loss.
type gapDetector struct {
	streams lru.Table[uint32]
	key     []byte // scratch space
	recent  [256]recentStream
}

// recentStream is a stream noted lately, in the slot of its wire.Parts.Stream: most
// envelopes belong to one of few streams, and are spared the look-up in a big table.
// Streams with the same slot displace each other.
type recentStream struct {
	stream      uint64
	last        *uint32
	incarnation uint16
}

func (g *gapDetector) reset() {
	g.streams = lru.Table[uint32]{MaxKeys: maxStreams, MaxBytes: maxStreamBytes}
	g.recent = [256]recentStream{}
}

// note takes in the number of an envelope, and tells how many before it are missing, or
// whether it has been seen already. Numbers wrap around.
func (g *gapDetector) note(p *wire.Parts) (lost uint32, duplicate bool) {
	last, known := g.find(p)
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

// find gives the last number of an envelope's stream, and whether there was one.
func (g *gapDetector) find(p *wire.Parts) (last *uint32, known bool) {
	r := &g.recent[p.Stream%uint64(len(g.recent))]
	if p.Stream != 0 && r.stream == p.Stream && r.incarnation == p.Sequence.Incarnation {
		return r.last, true
	}
	g.key = binary.BigEndian.AppendUint16(g.key[:0], p.Sequence.Incarnation)
	g.key = append(append(g.key, p.Origin...), p.Topic...) // both are JSON values, which end by themselves
	last, known, turned := g.streams.Find(g.key)
	if turned {
		g.recent = [256]recentStream{} // or a number would live on here and be forgotten there
	}
	*r = recentStream{p.Stream, last, p.Sequence.Incarnation}
	return last, known
}
