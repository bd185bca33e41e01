package carrier

// EventKind is what an Event reports.
type EventKind uint8

// What can happen to a socket.
const (
	// Connected: a peer has finished its handshake.
	Connected EventKind = iota + 1
	// Disconnected: a connected peer is gone.
	Disconnected
	// Retrying: an address could not be reached, or was lost, and will be dialled again.
	Retrying
	// HandshakeFailed: a peer was refused, or has refused this end; Reason says why.
	HandshakeFailed
	// Subscribed: a peer is the first of all to subscribe to Prefix (Outlets only); see also
	// OutletConfig.ByOffice.
	Subscribed
	// Unsubscribed: the last of all peers has unsubscribed from Prefix, or disconnected
	// (Outlets only).
	Unsubscribed
	// Exhausted: there are no descriptors, or there is no memory, to accept or connect;
	// Reason says which. It is reported once a second at most while that lasts.
	Exhausted
	// Recovered: Exhausted is over.
	Recovered
	// Denied: the peer says that this end has no right to what it has published or subscribed
	// to; Reason says what, and by which rule. Without a Reason, what was denied may be allowed now.
	Denied
	// HistoryMissing: a peer that was asked for history has none, or not all; Reason says why
	// (Inlets only).
	HistoryMissing
	// Confirms: a peer confirms messages of some topics, which are retained until then (Outlets
	// only). It comes before the subscriptions of the peer, as a rule.
	Confirms
	// ConfirmsNoMore: it does not any more.
	ConfirmsNoMore
)

// Event is something that has happened at a socket.
type Event struct {
	Kind    EventKind
	Peer    uint64       // connection, 0 where unknown
	Address string       // of the endpoint or peer concerned
	Reason  string       // why, for people
	Cause   Cause        // sorts the reason
	Type    string       // of CauseWrongType: the socket type of the peer
	Said    string       // the reason that a peer gave in its ERROR, or ""
	Prefix  []byte       // of Subscribed and Unsubscribed; OnEvent may keep it
	Office  string       // of these, with OutletConfig.ByOffice: of the peer whose subscription it is
	Local   *Credentials // of Connected: see Peer
	Unsent  int          // of Disconnected, at an Outlet: messages that waited for the peer, as far as known
}
