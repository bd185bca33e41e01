// Package carrier is the interface between core and what moves batches over a network. A
// carrier is what the option "engine" chooses: package zmtp, our own, or package libzmq. This
// package hides which of the two serves an address (Set chooses), and knows no protocol itself.
//
// A socket is either an Outlet, the PUB side (PUB or XPUB: batches out, subscriptions in), or
// an Inlet, the SUB side (SUB or XSUB: subscriptions out, batches in). Both bind and connect,
// to any number of addresses.
//
//	carrier.go  configuration, Outlet, Inlet, Peer
//	defaults.go what a zero field of the configuration stands for; also the options' defaults
//	event.go    what is reported about connections and subscriptions
//	cause.go    why a connection ended, sorted, and the text for people
//	history.go  what was sent before, for peers that ask for it
//	confirm.go  what a publisher retains until its post office has stored it
//	engine.go   Opener and Set: the option "engine"
//	errors.go   what opening a socket fails with
//
// Rules for a carrier: OnEvent is called for one event at a time and in order. Deliver is
// called for the batches of a peer one after another and in order. Neither may call into the
// same socket. Close returns when all goroutines of the socket have ended. A socket's methods
// are safe for concurrent use.
package carrier

import (
	"time"

	"github.com/hermes-zmq/hermes/internal/access"
	"github.com/hermes-zmq/hermes/internal/batch"
	"github.com/hermes-zmq/hermes/internal/curve"
	"github.com/hermes-zmq/hermes/internal/flow"
	"github.com/hermes-zmq/hermes/internal/tlsconfig"
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

// Config is what both kinds of socket have in common. A zero field stands for its default
// (defaults.go), unless its comment says otherwise.
type Config struct {
	Type    Type
	Bind    []string // addresses to listen at; all are bound when Open returns
	Connect []string // addresses to dial; Open does not wait for them

	MaxMessage int64 // largest message accepted from a peer, in bytes; 0 is no limit

	HandshakeTimeout  time.Duration // a peer that has not finished its handshake by then is disconnected
	HeartbeatInterval time.Duration // how often a silent peer is sent a PING; negative is never
	HeartbeatTimeout  time.Duration // how long a peer may leave a PING unanswered before it is disconnected
	ReconnectMin      time.Duration // first pause before dialling again; doubles up to ReconnectMax, with jitter
	ReconnectMax      time.Duration

	Limits Limits

	// Curve has the keys with which connections are authenticated and encrypted (CURVE). Nil:
	// they are not, and peers that demand it are refused; so it is at addresses with plain+.
	Curve *curve.Config
	// TLS has the certificates for addresses of the transport tls, for which Curve does not count. Nil
	// if there are no such addresses. zmtp only.
	TLS *tlsconfig.Config

	// Access decides who may connect, and what each peer may publish and receive. Nil: everyone,
	// everything. zmtp only.
	Access *access.Control
	// SocketFile is what the files of bound ipc addresses are to be like. zmtp only.
	SocketFile SocketFile

	// Hermes is the version of the envelopes that this end reads or writes, which it announces
	// in its handshakes; "" announces nothing. zmtp only.
	Hermes string
	// Instance is a random name of the component, which it announces in its handshakes, so that both ends of a
	// connection can be told to belong together. "" announces nothing. zmtp only.
	Instance string
	// Redirect returns the reason with which a peer of a wrong type is refused: where it
	// should have connected. kind is the peer's type; host is how the peer has reached
	// this end, "" where that is unknown. Where it returns "" the carrier's own text is
	// used. It may be nil, and called at any time. zmtp only.
	Redirect func(kind, host string) string

	// System begins the first frames that go only to subscriptions for system topics (package
	// systemtopic), which are those that begin with systemtopic.Sign; "" is none. PUB side only.
	System string

	// Office is the name of a post office, for one run, which it announces in its
	// handshakes, so that post offices notice when they are connected in a cycle. "" is
	// none. zmtp only.
	Office string

	// OnEvent is called for what happens to peers and subscriptions, one event at a
	// time and in order. It must not block and must not call into the same socket. It
	// may be nil.
	OnEvent func(Event)
	// OnFailure is called, once, when the socket has failed and cannot recover: a goroutine of the
	// carrier has panicked. It may be nil.
	OnFailure func(error)
}

// Limits bound what one peer can cost. Zero is the default.
type Limits struct {
	Connections       int // at once
	Frames            int // of a message
	HandshakeBytes    int // received before a peer is ready
	Handshakes        int // of a server of CURVE or TLS: under way at once
	HandshakeRate     int // of a server of CURVE or TLS: a second
	Subscriptions     int // distinct prefixes of a peer
	SubscriptionBytes int // length of all prefixes of a peer together
}

// Overflow is what an Outlet does with a message for a peer whose queue is full.
type Overflow uint8

const (
	// Drop counts the message as dropped for that peer; others are not affected.
	Drop Overflow = iota
	// Wait makes Send wait for room, or for Close.
	Wait
	// DropOld drops the oldest messages of that peer's queue, as many as are needed, and counts
	// them. zmtp only.
	DropOld
	// LatestPerTopic drops older messages of that peer's queue whose topic has a newer one, then
	// the oldest, and counts them. zmtp only.
	LatestPerTopic
	// Block holds back a publisher while a peer that follows it has no room, see Throttler.
	Block
	// Auto holds back a publisher only while every peer that follows it is behind, so that
	// waiting costs none of them anything, and drops like Drop otherwise. libzmq takes it as
	// Drop.
	Auto
)

// String is the name of the policy: that of the option "queue.full", except for Wait.
func (o Overflow) String() string {
	return [...]string{"drop_new", "wait", "drop_old", "latest_per_topic", "block", "auto"}[o]
}

// OutletConfig opens an Outlet.
type OutletConfig struct {
	Config
	Overflow Overflow
	// QueueMessages and QueueBytes bound what may wait for one peer.
	QueueMessages int
	QueueBytes    int64
	// StalledPathTimeout, if it is not 0, says that all peers are redundant paths to the
	// same receivers, and is how long Send waits for one of them that has no room when the
	// others have (Overflow Wait). Then that peer is stalled: messages are dropped for it,
	// and counted in its Dropped, until its queue has drained. With 0, Send waits for every
	// peer; libzmq always does.
	StalledPathTimeout time.Duration
	// StallTimeout is how long a peer for which publishers are held back (Overflow Block or
	// Auto) may take nothing. Then it is stalled: no publisher waits for it until it is no longer
	// behind, and what its full queue has no room for is dropped. It may change at any time.
	StallTimeout func() time.Duration
	// ByOffice reports Subscribed and Unsubscribed for each peer that has announced an Office, and
	// apart from these for the first and the last of all others. libzmq knows no Offices.
	ByOffice bool
	// OnHold is called when a publisher begins to be held back, and OnRelease when that ends, by
	// the goroutine that delivers its messages. They must not block, and may be nil.
	OnHold, OnRelease func(*flow.Source)
	// Cache, if it is not nil, has the last values that each peer is sent when it
	// subscribes. zmtp only, and not with Overflow Wait.
	Cache Cache
	// History, if it is not nil, is for peers that ask for it; see HistoryServer. zmtp only, and
	// not with Overflow Wait.
	History History
	// Retain bounds what is retained for a peer that confirms messages, see Retainer. zmtp only, and only with
	// Overflow Wait.
	Retain Retain
}

// Cache keeps last values for peers that subscribe later. The Outlet makes sure that a
// message reaches a peer either from the cache, when the peer subscribes, or because it is
// sent after that, and never both.
type Cache interface {
	// Keep is called with every batch before it is sent; possibly with several at the same
	// time, but never during a Recall.
	Keep(b *batch.Batch)
	// Recall calls give with the cached messages for p: those of topics that begin with
	// prefix, except topics for which follows reports that p is subscribed already. give
	// may retain the batch, which must not be written afterwards, and reports for how many
	// messages, from the first one on, there was room. looked is how many topics Recall has
	// looked at, as a measure of its cost.
	Recall(p Peer, prefix []byte, follows func(topic []byte) bool, give func(*batch.Batch) int) (looked int)
}

// InletConfig opens an Inlet.
type InletConfig struct {
	Config
	// QueueMessages bounds what the carrier itself may hold before Deliver has
	// seen it, where it holds anything at all.
	QueueMessages int
	// Deliver is called with every batch that arrives. The batch is the carrier's and is
	// recycled when Deliver returns, unless Deliver has retained it. Deliver may block,
	// which holds back the peer. Batches of one peer come one after another and in order,
	// those of different peers possibly at the same time. It may call into Outlets, and
	// must not call into the Inlet itself.
	Deliver func(*batch.Batch)
	// DeliverFrom, if it is not nil, is called in place of Deliver, and is told from which
	// publisher the batch comes. An inlet of libzmq does not know: all are one.
	DeliverFrom func(*flow.Source, *batch.Batch)
	// OnRoute is called with the post offices that the messages of a peer may come from:
	// when it connects, before any message, and whenever that changes. An error ends the
	// connection. Only peers with an Office announce it, and only to those with one. It may
	// be nil.
	OnRoute func(peer uint64, offices []string) error
	// ReaderLease prepares connections for a ReaderLeaser, where the carrier is one.
	ReaderLease bool
	// Since, if it is not nil, asks every peer for what it has sent since that time, and
	// after a break for what was missed meanwhile; the zero time asks for everything. Only peers with
	// a History know it; of others HistoryMissing tells. zmtp only.
	Since *time.Time
	// Durable is what topics begin with whose messages peers are to retain until they are confirmed, see
	// Confirmer. zmtp only.
	Durable [][]byte
}

// Tally is what became of the messages of one Send. All counts add up to the number of messages
// in the batch.
type Tally struct {
	Sent      int   // queued for at least one peer
	SentBytes int64 // size of those, framing included
	Unwanted  int   // there are peers, and none has a matching subscription
	NoPeer    int   // there is no peer at all, or the peers that subscribe have left meanwhile
	Dropped   int   // the queue of every peer that subscribes is full, and Send does not wait
	Unsent    int   // Close came before there was room (Overflow Wait)
	// Left is the last messages of the batch, which found that no peer subscribes to anything any
	// more (Overflow Wait): they have gone to none, and may be sent again.
	Left     int
	Orphaned int // of these: those for which NoPeer holds; for the others Unwanted does
}

// GiveUp counts what is left as NoPeer and Unwanted.
func (t *Tally) GiveUp() {
	t.NoPeer += t.Orphaned
	t.Unwanted += t.Left - t.Orphaned
	t.Left, t.Orphaned = 0, 0
}

// Socket is what both sides have in common.
type Socket interface {
	// Endpoints lists the addresses bound, with port and interface resolved.
	Endpoints() []string
	// Peers lists the peers connected now.
	Peers() []Peer
}

// Outlet is the PUB side. Its methods are safe for concurrent use; Send keeps the order of
// the calls of one goroutine.
type Outlet interface {
	Socket
	// Send queues every message of b for the peers whose subscriptions match. The caller
	// keeps its ownership of b; b must not be written afterwards unless no other owner
	// has retained it (see batch.Batch).
	Send(b *batch.Batch) Tally
	// Idle reports that there is one peer, that nothing waits to be written to it,
	// and that Send would write a small batch at once, in the caller's goroutine. libzmq
	// is never idle.
	Idle() bool
	// Limit changes QueueMessages and QueueBytes, for peers to come and, where the
	// carrier can, for those that are there.
	Limit(messages int, bytes int64)
	// Close sends what is queued for at most linger, then closes the socket and waits
	// until its goroutines have ended. It reports how many messages it could not send,
	// summed over peers, as far as the carrier knows. A Send that waits returns at once.
	// Closing twice is harmless.
	Close(linger time.Duration) (unsent int)
}

// Throttler is an Outlet that can hold back publishers (Overflow Block or Auto).
type Throttler interface {
	// SendFrom is Send for a batch of one publisher; it waits while the publisher is to be
	// held back. As long as the caller waits, it reads nothing more from that publisher.
	SendFrom(s *flow.Source, b *batch.Batch) Tally
	// EndWaits ends all waits, and lets no publisher wait any more.
	EndWaits()
}

// MissNoter is an Outlet that tells which messages no peer takes.
type MissNoter interface {
	// SendNoting is SendFrom of a Throttler, or Send where the Outlet is none or s is nil, and sets missed of
	// each message of b that counts as Unwanted or NoPeer. It is for an Outlet that does not wait.
	SendNoting(s *flow.Source, b *batch.Batch, missed []bool) Tally
}

// RouteAnnouncer is an Outlet that announces to its peers which post offices its messages may
// come from; see OnRoute.
type RouteAnnouncer interface {
	// AnnounceRoute announces the post offices to present and future peers.
	AnnounceRoute(offices []string)
}

// Remover is an Outlet that makes room in the queues of its peers: Overflow DropOld and
// LatestPerTopic.
type Remover interface {
	// Removed counts the messages that were removed from the queues of all peers since the
	// outlet was opened, after they had been queued (Tally.Sent): the oldest, and those of
	// which the topic had a newer one. A message counts for each peer that has lost it.
	Removed() (old, conflated uint64)
}

// Inlet is the SUB side. Its methods are safe for concurrent use.
type Inlet interface {
	Socket
	// Subscribe subscribes to the topics that begin with prefix, at all peers, present
	// and future. Prefixes are counted: as many Unsubscribe calls end it.
	Subscribe(prefix []byte) error
	Unsubscribe(prefix []byte) error
	// Close closes the socket. Deliver has returned for the last time when Close
	// returns. Closing twice is harmless.
	Close()
}

// ReaderLeaser is an Inlet whose reading can be leased to a thread outside of Go, which
// saves the switch to another thread for what arrives. There is one lease at a time.
type ReaderLeaser interface {
	// LeaseReader begins a lease, where there is exactly one peer. fd is the descriptor to
	// wait on until there is something to read. It is valid until EndLease, or until the
	// Disconnected event of that peer: by then no thread may wait on it any more.
	LeaseReader() (fd int, ok bool)
	// ReadLeased reads some of what there is, without waiting, and calls Deliver. It
	// reports whether there was anything.
	ReadLeased() bool
	// EndLease ends the lease, if there is one.
	EndLease()
}

// PastKeeper is a socket that remembers the connections that have ended.
type PastKeeper interface {
	// Past counts what went over connections that have ended, together for all of one peer (Instance).
	Past() []Past
}

// Past is the counters of the connections to one peer that have ended.
type Past struct {
	Instance       string // "": of all peers that have not said theirs, and of the oldest where there are very many
	Connections    uint64
	Sent, Received uint64 // as those of Peer, and so are the others
	System         uint64
	ReceivedSystem uint64
	Denied         uint64
	Filtered       uint64
	Dropped        uint64
	Unsent         uint64 // what waited for the peer when its connection ended
}

// Add adds other, which is of the same peer.
func (p *Past) Add(other *Past) {
	p.Connections += other.Connections
	p.Sent += other.Sent
	p.Received += other.Received
	p.System += other.System
	p.ReceivedSystem += other.ReceivedSystem
	p.Denied += other.Denied
	p.Filtered += other.Filtered
	p.Dropped += other.Dropped
	p.Unsent += other.Unsent
}

// Peer describes one connection.
type Peer struct {
	ID            uint64
	Address       string       // of the peer, as far as known
	Type          string       // socket type that the peer announced
	Hermes        string       // and Config.Hermes, if any
	Instance      string       // and Config.Instance
	Key           string       // its permanent public key if it has proved that (CURVE), or the fingerprint of that (TLS)
	Local         *Credentials // the user that it runs as, if the kernel knows it (ipc); otherwise nil. zmtp only
	User          string       // which of the policy's it is, if there is one
	Since         time.Time
	Subscriptions int
	QueueMessages int
	QueueBytes    int64
	Sent          uint64 // messages
	Received      uint64
	Dropped       uint64    // those removed from its queue included
	Held          flow.Held // how long this publisher has been held back (Inlets only)

	System         uint64 // messages of system topics that were queued for it: a part of Sent and QueueMessages
	ReceivedSystem uint64 // and those it has sent: a part of Received
	Denied         uint64 // of Received: it had no right to them
	Filtered       uint64 // of Received: they match no subscription (any more)

	DroppedOld       uint64 // removed from its queue: because they were the oldest (DropOld, LatestPerTopic)
	DroppedConflated uint64 // because a newer one of their topic came (LatestPerTopic)
}
