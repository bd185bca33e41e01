package core

// recent remembers where the numbers of the streams seen last are kept, by
// wire.StreamSlot: most envelopes belong to one of few streams, and are spared the search
// in a big table. Streams that share a place displace each other.
type recent [256]struct {
	key  []byte
	last *uint32
}
