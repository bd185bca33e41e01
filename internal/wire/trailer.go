package wire

import (
	"encoding/binary"
	"math/bits"
)

// The trailer stands at the end of the time frame: 24 white-space characters, each of which
// encodes two bits, the most significant first (docs/wire.md, "The number in the white
// space").
//
//	offset  size  meaning
//	0       8     incarnation: 16 bits, drawn at random when the publisher starts
//	8       16    number: 32 bits, counts the envelopes of a topic from 0
//
//	character  ' '  '\t'  '\n'  '\r'
//	bits       00   01    10    11

// TrailerSize is the length of the sequence trailer.
const TrailerSize = 24

// Sequence is the content of a trailer.
type Sequence struct {
	Incarnation uint16 // of the publisher
	Number      uint32 // of the envelope within its topic and incarnation
}

const spaces = " \t\n\r"

// quads holds the four white-space characters for every byte, two bits each.
var quads = func() (t [256]uint32) {
	for i := range t {
		t[i] = binary.LittleEndian.Uint32([]byte{spaces[i>>6&3], spaces[i>>4&3], spaces[i>>2&3], spaces[i&3]})
	}
	return
}()

// PutTrailer writes the trailer into the first TrailerSize bytes of dst.
func PutTrailer(dst []byte, s Sequence) {
	t := (*[TrailerSize]byte)(dst)
	binary.LittleEndian.PutUint32(t[0:], quads[s.Incarnation>>8])
	binary.LittleEndian.PutUint32(t[4:], quads[s.Incarnation&255])
	binary.LittleEndian.PutUint32(t[8:], quads[s.Number>>24])
	binary.LittleEndian.PutUint32(t[12:], quads[s.Number>>16&255])
	binary.LittleEndian.PutUint32(t[16:], quads[s.Number>>8&255])
	binary.LittleEndian.PutUint32(t[20:], quads[s.Number&255])
}

// parseTrailer reads a trailer, eight characters at a time.
func parseTrailer(p []byte) (seq Sequence, ok bool) {
	if len(p) != TrailerSize {
		return Sequence{}, false
	}
	a, notA := eightSpaces(load(p, 0))
	b, notB := eightSpaces(load(p, 8))
	c, notC := eightSpaces(load(p, 16))
	if notA|notB|notC != 0 {
		return Sequence{}, false
	}
	return Sequence{uint16(a), uint32(b<<16 | c)}, true
}

// IncarnationOf is that in the trailer of a message; 0 where it has none.
func IncarnationOf(msg []byte) uint16 {
	if len(msg) < TrailerSize {
		return 0
	}
	v, wrong := eightSpaces(load(msg, len(msg)-TrailerSize))
	if wrong != 0 {
		return 0
	}
	return uint16(v)
}

// SequenceOf is the trailer of a message, without a look at the rest of it. ok is false where it has
// none, and where the message comes from a cache.
func SequenceOf(msg []byte) (seq Sequence, ok bool) {
	at := len(msg) - TrailerSize
	if at < len(cacheMark) {
		return seq, false
	}
	if seq, ok = parseTrailer(msg[at:]); !ok || string(msg[at-len(cacheMark):at]) == cacheMark {
		return Sequence{}, false
	}
	return seq, true
}

// eightSpaces gives the two bits of each of eight white-space characters, the first one's
// on top, and wrong, which is 0 where all eight are such characters. In 0x20, 0x09, 0x0a,
// 0x0d the bits are bit 0, and bit 1 or bit 2, which together make the others. They are
// gathered by halves (H. S. Warren, "Hacker's Delight", 2nd edition, 7-4).
func eightSpaces(p uint64) (v, wrong uint64) {
	low, high := p&ones, (p>>1|p>>2)&ones
	some := low | high
	wrong = p ^ (low | high&^low<<1 | high&low<<2 | some<<3 | (some^ones)<<5)
	v = bits.ReverseBytes64(low | high<<1)
	v = (v | v>>6) & 0x000f000f000f000f
	v = (v | v>>12) & 0x000000ff000000ff
	return (v | v>>24) & 0xffff, wrong
}
