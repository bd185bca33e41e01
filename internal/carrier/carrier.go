// Package carrier says what core needs of a transport: batches in, batches out,
// subscriptions, and word of what happens to peers. It knows no transport itself;
// a carrier registers its openers with an Engine.
//
// A socket is either an Outlet (PUB or XPUB: batches out, subscriptions in) or an
// Inlet (SUB or XSUB: subscriptions out, batches in). Both bind and connect, to
// any number of addresses.
package carrier

import (
	"time"

	"github.com/hermes-zmq/hermes/internal/batch"
)

// Type is the ZeroMQ socket type that a socket announces to its peers.
type Type uint8

// The four socket types that hermes uses.
const (
	PUB Type = iota + 1
	SUB
	XPUB
	XSUB
)

func (t Type) String() string {
	switch t {
	case PUB:
		return "PUB"
	case SUB:
		return "SUB"
	case XPUB:
		return "XPUB"
	case XSUB:
		return "XSUB"
	}
	return "UNKNOWN"
}

// Config is what both kinds of socket have in common. A field's zero value asks
// for the carrier's default, unless it says otherwise.
type Config struct {
	Type    Type
	Bind    []string // addresses to listen at; all are bound when Open returns
	Connect []string // addresses to dial; Open does not wait for them

	MaxMessage int64 // largest message accepted from a peer, in bytes; 0 is no limit

	HandshakeTimeout  time.Duration // a peer that has not finished its handshake by then is dropped
	HeartbeatInterval time.Duration // how often a silent peer is asked for a sign of life; negative is never
	HeartbeatTimeout  time.Duration // how long a silent peer is waited for before it counts as gone
	ReconnectMin      time.Duration // first pause before dialling again; doubles up to ReconnectMax, with jitter
	ReconnectMax      time.Duration

	Limits Limits

	// Hermes is the version of the envelopes that this end reads, which it tells its
	// peers while they shake hands; "" tells nothing. Our own carrier only.
	Hermes string
	// Redirect gives what to tell a peer whose type is wrong, in place of just that: where
	// it should have gone. host is how the peer has reached this end, "" where that is
	// unknown. "" leaves it. Our own carrier only; it may be nil, and called at any time.
	Redirect func(kind, host string) string

	// Office names a post office, of this run, in its handshakes: by it a post office
	// finds out that what it sends comes back to it. "" is none. Our own carrier only.
	Office string

	// OnEvent is told what happens to peers and subscriptions, one event at a
	// time and in order. It must not block and must not call into the same
	// socket. It may be nil.
	OnEvent func(Event)
	// OnFailure is told, once, when the socket has broken beyond repair (a panic
	// in a goroutine of the carrier). It may be nil.
	OnFailure func(error)
}

// Limits bound what one peer can cost. Zero asks for the default.
type Limits struct {
	Connections       int // peers at once
	Frames            int // frames a message
	HandshakeBytes    int // bytes before a peer is ready
	Subscriptions     int // distinct prefixes a peer
	SubscriptionBytes int // length of all of a peer's prefixes together
}

// DefaultLimits are far above what honest peers need: a post office subscribes for all
// of its receivers together.
var DefaultLimits = Limits{
	Connections:       4096,
	Frames:            64 << 10,
	HandshakeBytes:    16 << 10,
	Subscriptions:     256 << 10, // some 100 bytes each, twice
	SubscriptionBytes: 16 << 20,
}

// Overflow says what an Outlet does with a message for a peer whose queue is full.
type Overflow uint8

const (
	// Drop counts the message as lost for that peer and disturbs no other.
	Drop Overflow = iota
	// Wait makes Send wait for room, or for Close.
	Wait
)

// OutletConfig opens an Outlet.
type OutletConfig struct {
	Config
	Overflow Overflow
	// QueueMessages and QueueBytes bound what may wait for one peer.
	QueueMessages int
	QueueBytes    int64
	// StalledPathTimeout says that all peers are paths to the same end, and how long one of
	// them may keep a Send waiting that the others have got rid of (Overflow Wait).
	// Then it is left behind until it has caught up, and what it misses meanwhile is
	// in its Dropped. 0 waits for everybody; so does a carrier that has one queue
	// for all peers.
	StalledPathTimeout time.Duration
	// Cache, where there is one, gives each peer what it has missed of the topics
	// that it asks for. Our own carrier only, and only with Overflow Drop.
	Cache Cache
}

// Cache keeps what an Outlet has sent for peers that ask for it later. The Outlet
// sees to it that a message reaches a peer either because it is kept when the peer
// begins to follow the topic, or because it is sent after that, and never both.
type Cache interface {
	// Keep is told of every batch before it is handed out, of several at the same
	// time, but never of one during a Recall.
	Keep(b *batch.Batch)
	// Recall hands what is kept for p to give: of the topics that begin with prefix,
	// but for those of which follows says that p has them already. give may keep the
	// batch, which must not be written any more, and reports for how many messages,
	// from the first one on, there was room. looked is how many topics it has looked
	// at, and so what it has cost.
	Recall(p Peer, prefix []byte, follows func(topic []byte) bool, give func(*batch.Batch) int) (looked int)
}

// InletConfig opens an Inlet.
type InletConfig struct {
	Config
	// QueueMessages bounds what the carrier itself may hold before Deliver has
	// seen it, where it holds anything at all.
	QueueMessages int
	// Deliver is handed every batch that arrives. The batch is the carrier's and
	// is recycled when Deliver returns: who keeps it must Retain it. Deliver may
	// block, which holds back the peer; batches of one peer come one after the
	// other and in order, those of different peers possibly at the same time.
	// It may call into Outlets, and must not call into the Inlet itself.
	Deliver func(*batch.Batch)
	// OnRoute is told from which post offices the messages of a peer may come, first when it
	// connects, before any message, and again whenever that changes. An error ends the
	// connection. Only peers with an Office say it, and only to those with one. May be nil.
	OnRoute func(peer uint64, offices []string) error
	// ReaderLease asks for a ReaderLeaser, where the carrier can be one.
	ReaderLease bool
}

// Tally is what became of the messages of one Send. All fields but SentBytes add
// up to the number of messages in the batch.
type Tally struct {
	Sent      int   // handed to at least one peer
	SentBytes int64 // size of those, framing included
	Unwanted  int   // there are peers, and none has a matching subscription
	NoPeer    int   // there is no peer at all, or those that wanted it have left meanwhile
	Dropped   int   // wanted, but the queue of every peer that wants it is full (Overflow Drop)
	Unsent    int   // Close came before there was room (Overflow Wait)
}

// Outlet is the sending side of a socket. Its methods may be called from any
// goroutine; Send keeps the order of the calls of one goroutine.
type Outlet interface {
	// Send hands out every message of b to the peers whose subscriptions match.
	// The caller keeps its ownership of b; b must not be written afterwards
	// unless it was never retained by anybody else (see batch.Batch).
	Send(b *batch.Batch) Tally
	// Idle reports that there is one peer, that nothing waits to be written to it,
	// and that Send would write a small batch at once, in the caller's goroutine. A
	// carrier that does not work so is never idle.
	Idle() bool
	// Limit changes QueueMessages and QueueBytes, for peers to come and, where the
	// carrier can, for those that are there.
	Limit(messages int, bytes int64)
	// Endpoints lists the addresses bound, with port and interface resolved.
	Endpoints() []string
	// Peers lists the peers connected now.
	Peers() []Peer
	// Close drains what is queued for at most linger, then closes the socket and
	// waits until all that belongs to it has ended. It reports how many messages
	// it could not drain, summed over peers, as far as the carrier can tell. A
	// Send that waits returns at once. Closing twice is harmless.
	Close(linger time.Duration) (unsent int)
}

// RouteAnnouncer is an Outlet that tells its peers where its messages may come from; see OnRoute.
type RouteAnnouncer interface {
	// Trace says from which post offices, from now on.
	AnnounceRoute(offices []string)
}

// Inlet is the receiving side of a socket. Its methods may be called from any
// goroutine.
type Inlet interface {
	// Subscribe asks all peers, present and future, for the topics that begin
	// with prefix. Prefixes are counted: as many Unsubscribe calls end it.
	Subscribe(prefix []byte) error
	Unsubscribe(prefix []byte) error
	Endpoints() []string
	Peers() []Peer
	// Close closes the socket. Deliver has returned for the last time when Close
	// returns. Closing twice is harmless.
	Close()
}

// ReaderLeaser is an Inlet that lets somebody who waits outside of Go do the reading, which
// spares what comes the way over another thread. One at a time borrows.
type ReaderLeaser interface {
	// Lend gives the descriptor to wait on until there is something to read, where
	// there is exactly one peer. It is good until EndLease, or until that peer is
	// told to be Disconnected: by then nobody may be waiting on it any more.
	LeaseReader() (fd int, ok bool)
	// Fetch reads what there is, if only a part, without waiting, and hands it to
	// Deliver. It reports whether that was anything.
	ReadLeased() bool
	// EndLease ends the loan. Nothing happens where there is none.
	EndLease()
}

// Peer describes one connection.
type Peer struct {
	ID            uint64
	Address       string // of the peer, as far as known
	Type          string // socket type that the peer announced
	Hermes        string // and Config.Hermes, if any
	Since         time.Time
	Subscriptions int
	QueueMessages int
	QueueBytes    int64
	Sent          uint64 // messages
	Received      uint64
	Dropped       uint64
}
