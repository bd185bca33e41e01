package core

import "encoding/binary"

// recent remembers where the numbers of the streams seen last are kept: most envelopes
// belong to one of few streams, and are spared the search in a big table. Streams that
// share a place displace each other.
type recent [256]struct {
	key  []byte
	last *uint32
}

// recentPlace is where the streams of a topic, a JSON string, are remembered. Topics
// differ most at their ends.
func recentPlace(topic []byte) uint8 {
	h := uint64(len(topic))
	if n := len(topic); n > 8 {
		h += binary.LittleEndian.Uint64(topic[n-9:])
	}
	return uint8(h * 0x9e3779b97f4a7c15 >> 56) // D. E. Knuth, The Art of Computer Programming 3, 6.4: multiplicative hashing
}
