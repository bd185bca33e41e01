package carrier

// EventKind says what an Event reports.
type EventKind uint8

// What can happen to a socket.
const (
	// Connected: a peer has finished its handshake.
	Connected EventKind = iota + 1
	// Disconnected: a connected peer is gone.
	Disconnected
	// Retrying: an address could not be reached, or was lost, and will be dialled again.
	Retrying
	// HandshakeFailed: a peer was refused, or refused us; Reason says why.
	HandshakeFailed
	// Subscribed: the first of all peers has subscribed to Prefix (Outlets only).
	Subscribed
	// Unsubscribed: the last of all peers has left Prefix (Outlets only). A peer that
	// disconnects leaves all its prefixes.
	Unsubscribed
	// Exhausted: there are no descriptors, or there is no memory, to accept or connect;
	// Reason says which. It is told once a second while that lasts, at most.
	Exhausted
	// Recovered: there are again.
	Recovered
)

// Event is one happening at a socket.
type Event struct {
	Kind    EventKind
	Peer    uint64 // connection, 0 where unknown
	Address string // of the endpoint or peer concerned
	Reason  string // why, for people
	Cause   Cause  // sorts the reason
	Type    string // of CauseWrongType: the socket type of the peer
	Said    string // what a peer that was refused, or refused us, gave as its own reason; "" where it gave none
	Prefix  []byte // of Subscribed and Unsubscribed; the receiver may keep it
	Unsent  int    // of Disconnected, at an Outlet: messages that waited for the peer, as far as known
}
