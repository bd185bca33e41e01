package carrier

import (
	"context"
	"time"

	"github.com/hermes-zmq/hermes/internal/batch"
)

// History is what an outlet has sent before, of some topics, for peers that subscribe later and
// say since when. The Outlet joins it with what it sends from now on: every message reaches such
// a peer once, and those of one publisher in order.
//
// What is sent is stored some time later, in any order with the Send. All methods are safe for
// concurrent use, and none may call into the Outlet.
type History interface {
	// Keeps reports whether messages of a topic are stored. It is called with locks held, for
	// many messages, and its answer never changes.
	Keeps(topic []byte) bool
	// Covers reports whether any topic that begins with prefix is kept.
	Covers(prefix []byte) bool
	// Open begins to read what was stored since a time, of the topics that begin with one of
	// prefixes; the zero time is the beginning. The context is that of Open alone.
	Open(ctx context.Context, prefixes [][]byte, since time.Time) (HistoryReader, error)
	// Position is a time, on the clock of the store, before which everything that is stored has
	// been sent by the outlet, or was sent elsewhere and never comes here. Zero: not known.
	Position() time.Time
}

// HistoryReader reads a History for one peer. One goroutine uses it.
type HistoryReader interface {
	// Mark sets the goal of Next: everything that the outlet has begun to send before this call.
	// It does not wait.
	Mark()
	// Next gives the next messages, those of one publisher in the order in which it has sent them, as
	// it has sent them. The outlet has sent each of them before, or never will. The caller becomes an owner of the batch. A nil batch says that the
	// goal is reached; then there is another Mark before the next Next. Next waits for what is not
	// stored yet. reached is the time, on the clock of the store, before which everything has
	// been given; zero: not known. After an error nothing more comes.
	Next(ctx context.Context) (b *batch.Batch, reached time.Time, err error)
	// Pause gives up what is fetched ahead: there may be no Next for long. The next one goes on
	// behind the last.
	Pause()
	Close()
}

// HistoryServer is an Outlet that has a History.
type HistoryServer interface {
	// ServeHistory changes the History; nil is none. Peers that have asked for history are
	// disconnected where that is a change, so that they ask again.
	ServeHistory(h History)
	// HistoryCounts counts what was done for peers that have asked for history.
	HistoryCounts() HistoryCounts
}

// HistoryCounts are what an Outlet has sent from its History.
type HistoryCounts struct {
	Messages   uint64 // queued for a peer; one counts for each peer
	Incomplete uint64 // how often a peer was told that something is missing
	Catching   int64  // peers that are reading history now
}
