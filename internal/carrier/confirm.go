package carrier

// Confirmation: a post office that stores the messages of some topics (durable topics) tells its
// publishers which, and confirms what it has stored. Until then the Outlet of the publisher retains
// it, and sends it again over the next connection to the same address. zmtp only.

// Retain bounds what an Outlet retains for one peer. A peer of which so much is not confirmed counts as
// full (Overflow Wait); one batch more may be retained. Zero: nothing is retained.
type Retain struct {
	Messages int
	Bytes    int64
}

// Retention is what an Outlet retains.
type Retention struct {
	Messages int64
	Bytes    int64
	Resent   uint64 // messages that were sent again, once for each time
	Full     bool   // a peer has not confirmed as much as may be retained for it
}

// Retainer is an Outlet that retains what its peers have asked for (OutletConfig.Retain).
type Retainer interface {
	Retention() Retention
	// Confirmed is closed once nothing is retained; where that changes again, a later call gives
	// another channel.
	Confirmed() <-chan struct{}
	// GiveUp forgets what is retained, and reports how many messages that was. It is called after
	// Close.
	GiveUp() int
}

// Confirmer is an Inlet that asks its peers to retain what is not confirmed (InletConfig.Durable).
// flow.Source.Retains tells which of them do.
type Confirmer interface {
	// AskToRetain changes InletConfig.Durable, for all peers. What they have retained until then,
	// they send again when they are asked again.
	AskToRetain(prefixes [][]byte)
	// Confirm confirms, by peer, how many messages of its connection need not be retained any
	// more: from the first one on, as flow.Source.Received counts them.
	Confirm(received map[uint64]uint64)
}
